/** For `node --import`: breaks the rule that MILLRACE_MUTATION names, in the modules as they are loaded. */
import { registerHooks } from 'node:module';
import { mutated } from './mutation.ts';
import { mutations } from './mutations.ts';

const root = new URL('../../../', import.meta.url).href;
const mutation = mutations.find(({ name }) => name === process.env.MILLRACE_MUTATION);
if (mutation === undefined) throw new RangeError(`there is no mutation "${process.env.MILLRACE_MUTATION}"`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = url.startsWith(root) ? url.slice(root.length) : undefined;
    if (file === undefined || !mutation.edits.some((edit) => edit.file === file)) return loaded;
    return { ...loaded, source: mutated(file, String(loaded.source), mutation.edits) };
  },
});
