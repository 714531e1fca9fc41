/** The rules of the import law, each from sources to sentences that say what breaks it. */
import { posix } from 'node:path';
import {
  ambient,
  ambientAllowed,
  ambientExceptions,
  emptyAffixes,
  emptyWords,
  LONGEST,
  LONGEST_TEST,
  longFiles,
  mayImport,
  nodeEverywhere,
  packages,
  pure,
} from './law.ts';
import type { SourceFile } from './source-file.ts';

const isBelow = (path: string, prefixes: readonly string[]): boolean => prefixes.some((each) => path.startsWith(each));
const folderOf = (path: string): string => posix.dirname(path);
const isIndex = (path: string): boolean => posix.basename(path) === 'index.ts';

/** The unit of the law that a file is part of: a folder of lib (of adapters and hosts the folder below), or a door. */
export function unitOf(path: string): string {
  const [top = '', second = '', third = '', ...rest] = path.split('/');
  if (top !== 'lib') return top;
  if (third === '') return 'lib';
  return (second === 'adapters' || second === 'hosts') && rest.length > 0 ? `lib/${second}/${third}` : `lib/${second}`;
}

/** Imports that lead from each file back to itself, types included. */
export function fileCycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(
    files.map((file) => [file.path, file.imports.flatMap(({ target }) => (target === undefined ? [] : [target]))]),
  );
  return cyclesOf(graph).map((cycle) => `these files import one another: ${cycle.join(' -> ')}`);
}

/** Units that import one another. Folders inside one unit may: they are one thing in several folders. */
export function unitCycles(files: readonly SourceFile[]): string[] {
  const graph = new Map<string, string[]>();
  for (const { path, imports } of files) {
    const from = unitOf(path);
    const to = imports.flatMap(({ target }) => (target === undefined ? [] : [unitOf(target)]));
    graph.set(from, [...(graph.get(from) ?? []), ...to.filter((unit) => unit !== from)]);
  }
  return cyclesOf(graph).map((cycle) => `these folders import one another: ${cycle.join(' -> ')}`);
}

/** One cycle for each set of nodes that reach one another: the shortest way round from its first node. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = [];
  const knotted = new Set<string>();
  for (const start of graph.keys()) {
    if (knotted.has(start)) continue;
    const cameFrom = waysFrom(start, graph);
    if (!cameFrom.has(start)) continue;
    const cycle = [start];
    do cycle.unshift(cameFrom.get(cycle[0] as string) as string);
    while (cycle[0] !== start);
    found.push(cycle);
    for (const node of cameFrom.keys()) if (waysFrom(node, graph).has(start)) knotted.add(node);
  }
  return found;
}

/** Each node that can be reached from one, with the node before it on a shortest way. */
function waysFrom(start: string, graph: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, string> {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const node of queue) {
    for (const next of graph.get(node) ?? []) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, node);
      queue.push(next);
    }
  }
  return cameFrom;
}

/** Imports of a unit that the importing one may not know. */
export function forbiddenUnits(files: readonly SourceFile[]): string[] {
  const groupOf = (unit: string): string => unit.replace(/^(lib\/(?:adapters|hosts))\/.*$/, '$1');
  return files.flatMap(({ path, imports }) => {
    const from = unitOf(path);
    const allowed = mayImport[groupOf(from)];
    if (allowed === undefined) return [`${path} is in ${from}, which has no place in the law: add it to mayImport`];
    return imports.flatMap(({ target, line }) => {
      if (target === undefined) return [];
      const to = unitOf(target);
      if (to === from || allowed.includes(groupOf(to))) return [];
      if (allowed.includes('lib') && to.startsWith('lib')) return [];
      return [`${path}:${line} imports ${target}: ${from} may know ${list(allowed)} and nothing else of the project`];
    });
  });
}

const list = (names: readonly string[]): string => (names.length === 0 ? 'itself' : names.join(', '));

/**
 * Inside a folder files import files; from another folder they import its index. A folder inside a unit may import files of the folders that
 * contain it, whose index contains it in turn. Nobody imports his own index.
 */
export function wrongDoors(files: readonly SourceFile[]): string[] {
  const indexed = new Set(files.filter(({ path }) => isIndex(path)).map(({ path }) => folderOf(path)));
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, line }) => {
      if (target === undefined) return [];
      const from = folderOf(path);
      const to = folderOf(target);
      const contains = to === from || from.startsWith(`${to}/`);
      if (contains && isIndex(target)) return [`${path}:${line} imports its own index: import the file that has it`];
      if (contains || isIndex(target) || !indexed.has(to)) return [];
      return [`${path}:${line} imports ${target}: import ${to}/index.ts`];
    }),
  );
}

/** Packages and parts of Node imported where they have no business. */
export function strayPackages(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, target, names, line }) => {
      if (target !== undefined || (specifier.startsWith('node:') && isBelow(path, nodeEverywhere))) return [];
      const name = packageOf(specifier);
      const permissions = packages[name];
      if (permissions === undefined) {
        return [`${path}:${line} imports ${specifier}, which is not in the list of packages: give it one place`];
      }
      const here = permissions.filter((permission) => isBelow(path, permission.in));
      if (here.length === 0) {
        return [
          `${path}:${line} imports ${specifier}, which belongs in ${permissions.flatMap((p) => p.in).join(', ')}`,
        ];
      }
      const allowed = here.flatMap((permission) => permission.names ?? names);
      const stray = names.filter((each) => !allowed.includes(each));
      return stray.length === 0
        ? []
        : [`${path}:${line} imports ${stray.join(', ')} of ${specifier}: only ${allowed.join(', ')} may be here`];
    }),
  );
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Clocks, randomness, timers, environment and console outside doors and adapters. */
export function strayAmbience(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !isBelow(path, ambientAllowed))
    .flatMap(({ path, globals }) =>
      globals.flatMap(({ what, line }) => {
        const instead = ambient[what] ?? ambient[what.replace(/^new |\(.*\)$|\..*$/g, '')];
        const excepted = ambientExceptions[path]?.uses.includes(what) === true;
        return instead === undefined || excepted ? [] : [`${path}:${line} uses ${what}: ${instead}`];
      }),
    );
}

/** Whatever waits in folders that only compute. */
export function asyncInPureFolders(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => pure.some((folder) => path.startsWith(`${folder}/`)))
    .flatMap(({ path, asynchrony }) =>
      asynchrony.map(({ what, line }) => `${path}:${line} has ${what}: ${folderOf(path)} decides and never waits`),
    );
}

/** Files above the length, and entries of the list of exceptions that are not needed any more. */
export function tooLong(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file.lines]));
  const grown = files.flatMap(({ path, lines }) => {
    const limit = longFiles[path]?.lines ?? (path.startsWith('test/') ? LONGEST_TEST : LONGEST);
    return lines > limit ? [`${path} has ${lines} lines, more than ${limit}: split it by what it owns`] : [];
  });
  const unneeded = Object.keys(longFiles)
    .filter((path) => (byPath.get(path) ?? LONGEST + 1) <= LONGEST)
    .map((path) => `${path} is no longer too long: take it off the list`);
  return [...grown, ...unneeded];
}

/** Names that say nothing of the thing: of files and folders, and of what is exported. */
export function emptyNames(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, exports }) => {
    const inPath = path
      .replace(/\.ts$/, '')
      .split(/[/.-]/)
      .filter((word) => emptyWords.includes(word.toLowerCase()));
    const inExports = exports.filter(({ what }) => wordsOf(what).some((word) => emptyAffixes.includes(word)));
    return [
      ...inPath.map((word) => `${path} is named "${word}": name it after the noun it belongs to`),
      ...inExports.map(({ what, line }) => `${path}:${line} exports ${what}: name the mechanism`),
    ];
  });
}

const wordsOf = (name: string): readonly string[] => name.split(/(?<=[a-z0-9])(?=[A-Z])/);

/** File names that are not kebab-case. */
export function oddFileNames(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/.test(posix.basename(path)))
    .map(({ path }) => `${path} is not named in kebab-case`);
}
