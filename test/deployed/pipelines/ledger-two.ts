import { fixedDelay, milliseconds, pipeline } from 'millrace';
import { ledger } from './ledger.ts';

/** Newer code than `ledger-one.ts`, with a mistake. */
export default pipeline(
  'ledger',
  ledger('two', ({ poison }) => poison === true),
  {
    parallelism: 2,
    version: 'two',
    restart: fixedDelay(1, milliseconds(200)),
  },
);
