/** Views of runs: where tasks stand, what state they hold, which records were given up. Only `replayLetters` changes anything. */
export { type LetterQuery, replayLetters, replayObstacle, type StoredLetter, storedLetters } from '../runtime/index.ts';
export * from './older-code.ts';
export * from './stored-run.ts';
export * from './stored-state.ts';
export * from './stored-table.ts';
export * from './table-rows.ts';
export * from './task-view.ts';
