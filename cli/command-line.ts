import { basename, relative } from 'node:path';

/**
 * This process's command line as a person would type it again, with other arguments added: through npm or npx if it was started so.
 */
export function commandLine(
  added: readonly string[] = [],
  argv: readonly string[] = process.argv,
  env: Readonly<NodeJS.ProcessEnv> = process.env,
): string {
  const args = argv.slice(2);
  const { npm_lifecycle_event: event = '', npm_lifecycle_script: script = '' } = env;
  for (let n = args.length; n > 0; n--) {
    if (!script.endsWith(args.slice(0, n).join(' '))) continue;
    const rest = [...args.slice(n), ...added];
    return ['npm', 'run', event, ...(rest.length === 0 ? [] : ['--', ...rest])].map(quoted).join(' ');
  }
  return [...invocation(event, argv[1]), ...args, ...added].map(quoted).join(' ');
}

/** How the command itself was called. */
function invocation(event: string, path = 'millrace'): readonly string[] {
  if (event === 'npx' || path.includes('node_modules')) return ['npx', 'millrace'];
  return /\.[jt]s$/.test(path) ? ['node', relative('', path)] : [basename(path)];
}

/** For POSIX shells. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
