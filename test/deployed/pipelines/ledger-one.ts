import { fixedDelay, milliseconds, pipeline } from 'millrace';
import { ledger } from './ledger.ts';

export default pipeline(
  'ledger',
  ledger('one', () => false),
  {
    parallelism: 2,
    restart: fixedDelay(1, milliseconds(200)),
  },
);
