import type { Probe } from './probe.ts';

export interface Answer {
  /** What was seen, in a sentence or two. */
  readonly text: string;
  /** Whether what millrace assumes held, if it assumes anything and it could be seen. */
  readonly holds?: boolean;
}

export interface Question {
  /** As the heading in docs/real-account.md has it. */
  readonly id: string;
  readonly text: string;
  /** Whether an emulator knows nothing of it. */
  readonly realOnly?: true;
  ask(probe: Probe): Promise<Answer>;
}
