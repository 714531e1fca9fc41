import { fixedDelay, milliseconds, pipeline } from 'millrace';
import { ledger } from './ledger.ts';

/** Newer code than `ledger-two.ts`, its mistake mended. */
export default pipeline(
  'ledger',
  ledger('three', () => false),
  {
    parallelism: 2,
    version: 'three',
    restart: fixedDelay(1, milliseconds(200)),
  },
);
