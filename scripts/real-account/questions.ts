// The questions of docs/real-account.md, each with what the probe does to answer it. The order is that of asking.
import { deliveryQuestions } from './delivery-questions.ts';
import { functionQuestions } from './function-questions.ts';
import { overallQuestions } from './overall-questions.ts';
import type { Question } from './question.ts';
import { storeQuestions } from './store-questions.ts';

export const questions: readonly Question[] = [
  ...functionQuestions,
  ...deliveryQuestions,
  ...storeQuestions,
  ...overallQuestions,
];
