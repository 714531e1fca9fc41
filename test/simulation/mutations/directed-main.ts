/** Runs one directed test: `node test/simulation/mutations/directed-main.ts incompleteChain`. Ends with 1 and a line of JSON if its rule does not hold. */
import { AssertionError } from 'node:assert';
import { directed } from './directed.ts';

const [, , name = ''] = process.argv;
const test = directed[name];
if (test === undefined) throw new RangeError(`there is no directed test "${name}"`);
try {
  await test();
} catch (error) {
  if (!(error instanceof AssertionError)) throw error;
  console.log(JSON.stringify({ directed: name, invariant: name, message: error.message }));
  process.exit(1);
}
