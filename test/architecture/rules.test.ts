import { describe, expect, it } from 'vitest';
import {
  asyncInPureFolders,
  emptyNames,
  fileCycles,
  forbiddenUnits,
  oddFileNames,
  strayAmbience,
  strayPackages,
  tooLong,
  unitCycles,
  unitOf,
  wrongDoors,
} from './rules.ts';
import { parseSource, type SourceFile } from './source-file.ts';

const sources = (texts: Readonly<Record<string, string>>): SourceFile[] =>
  Object.entries(texts).map(([path, text]) => parseSource(path, text));
const one = (path: string, text: string): SourceFile[] => [parseSource(path, text)];

describe('a source', () => {
  it.each([
    ["import { a } from './b.ts';", ['a']],
    ["import { type A, b as c } from './b.ts';", ['A', 'b']],
    ["import type { A } from './b.ts';", ['A']],
    ["import type * as b from './b.ts';", ['*']],
    ["import b from './b.ts';", ['default']],
    ["import './b.ts';", []],
    ["export * from './b.ts';", ['*']],
    ["export { a as b } from './b.ts';", ['a']],
    ["export type A = import('./b.ts').A;", ['*']],
    ["export const b = await import('./b.ts');", ['*']],
  ])('shows the import in %s', (text, names) => {
    expect(one('lib/model/a.ts', text)[0]?.imports).toEqual([
      { specifier: './b.ts', target: 'lib/model/b.ts', names, line: 1 },
    ]);
  });

  it('shows what it exports', () => {
    const text = 'export class A {}\nexport const b = 1, c = 2;\nexport type D = 1;\nconst e = 1;\nexport { e as f };';
    expect(one('a.ts', text)[0]?.exports.map(({ what }) => what)).toEqual(['A', 'b', 'c', 'D', 'f']);
  });

  it('uses no globals by the names of properties, types, parameters, imports or strings', () => {
    const text = `
      import { process } from './process.ts';
      /** console.log */
      export function f(console: { log(): void }, { setTimeout }: { setTimeout: number }) {
        console.log();
        process.env;
        const a = { performance: 1, crypto: setTimeout };
        return a.performance + 'Math.random';
      }
      export type P = typeof globalThis;`;
    expect(strayAmbience(one('lib/model/a.ts', text))).toEqual([]);
  });
});

describe('the law', () => {
  it('finds files that import one another, through types and over several steps', () => {
    const files = sources({
      'lib/model/a.ts': "import type { B } from './b.ts';",
      'lib/model/b.ts': "export * from './c.ts';",
      'lib/model/c.ts': "export type A = import('./a.ts').A;",
      'lib/model/d.ts': "import './a.ts';",
    });
    expect(fileCycles(files)).toEqual([
      'these files import one another: lib/model/a.ts -> lib/model/b.ts -> lib/model/c.ts -> lib/model/a.ts',
    ]);
  });

  it('finds folders that import one another where no files do', () => {
    const files = sources({
      'lib/state/a.ts': "import '../ports/index.ts';",
      'lib/state/b.ts': '',
      'lib/ports/index.ts': '',
      'lib/ports/b.ts': "import '../state/b.ts';",
    });
    expect(fileCycles(files)).toEqual([]);
    expect(unitCycles(files)).toEqual(['these folders import one another: lib/state -> lib/ports -> lib/state']);
  });

  it.each([
    ['lib/index.ts', 'lib'],
    ['lib/model/key.ts', 'lib/model'],
    ['lib/operators/window/trigger.ts', 'lib/operators'],
    ['lib/adapters/sqlite/index.ts', 'lib/adapters/sqlite'],
    ['cdk/constructs/stage.ts', 'cdk'],
  ])('takes %s for a part of %s', (path, unit) => {
    expect(unitOf(path)).toBe(unit);
  });

  it.each([
    ['lib/model/a.ts', '../ports/index.ts', 'lib/model may know itself'],
    ['lib/runtime/a.ts', '../adapters/memory/index.ts', 'lib/runtime may know lib/model'],
    ['lib/adapters/memory/a.ts', '../sqlite/index.ts', 'lib/adapters/memory may know lib/aws, lib/folders'],
    ['lib/embedded/a.ts', '../../cli/main.ts', 'lib/embedded may know lib'],
    ['cdk/a.ts', '../lib/state/index.ts', 'cdk may know lib/model'],
    ['functions/a.ts', '../cli/main.ts', 'functions may know lib'],
    ['lib/utopia/a.ts', './b.ts', 'lib/utopia, which has no place in the law'],
  ])('forbids %s to import %s', (path, specifier, sentence) => {
    expect(forbiddenUnits(one(path, `import type { A } from '${specifier}';`))).toEqual([
      expect.stringContaining(sentence),
    ]);
  });

  it.each([
    ['lib/runtime/a.ts', '../model/index.ts'],
    ['lib/adapters/memory/a.ts', './b.ts'],
    ['lib/testing/a.ts', '../adapters/memory/index.ts'],
    ['cli/a.ts', '../lib/embedded/index.ts'],
  ])('lets %s import %s', (path, specifier) => {
    expect(forbiddenUnits(one(path, `import '${specifier}';`))).toEqual([]);
  });

  it.each([
    ['lib/state/a.ts', '../model/key.ts', 'import lib/model/index.ts'],
    ['lib/model/a.ts', './index.ts', 'its own index'],
    ['lib/operators/window/a.ts', '../index.ts', 'its own index'],
    ['lib/operators/a.ts', './window/trigger.ts', 'import lib/operators/window/index.ts'],
  ])('forbids %s to enter another folder through %s', (path, specifier, sentence) => {
    const files = sources({
      'lib/model/index.ts': '',
      'lib/operators/index.ts': '',
      'lib/operators/window/index.ts': '',
      [path]: `import '${specifier}';`,
    });
    expect(wrongDoors(files)).toEqual([expect.stringContaining(sentence)]);
  });

  it('lets a folder inside a unit import files of the one around it', () => {
    const files = sources({
      'lib/operators/index.ts': '',
      'lib/operators/window/a.ts': "import '../operator.ts';",
    });
    expect(wrongDoors(files)).toEqual([]);
  });

  it.each([
    ['lib/runtime/a.ts', "import { readFileSync } from 'node:fs';", 'belongs in lib/adapters/'],
    ['lib/adapters/memory/a.ts', "import { DatabaseSync } from 'node:sqlite';", 'belongs in lib/adapters/sqlite/'],
    ['lib/adapters/files/a.ts', "import pc from 'picocolors';", 'belongs in cli/'],
    ['lib/plan/fingerprint.ts', "import { randomUUID } from 'node:crypto';", 'only createHash may be here'],
    ['lib/protocol/message-codec.ts', "import * as zlib from 'node:zlib';", 'only crc32'],
    ['lib/model/a.ts', "import type { Left } from 'left-pad/types';", 'not in the list of packages'],
    ['cdk/a.ts', "import { z } from 'zod';", 'not in the list of packages'],
  ])('keeps packages in their place: in %s not %s', (path, text, sentence) => {
    expect(strayPackages(one(path, text))).toEqual([expect.stringContaining(sentence)]);
  });

  it.each([
    ['lib/plan/fingerprint.ts', "import { createHash } from 'node:crypto';"],
    ['lib/adapters/files/a.ts', "import { parse } from 'csv-parse/sync';"],
    ['cli/a.ts', "import os from 'node:os';"],
    ['lib/pipeline/a.ts', "import type { StandardSchemaV1 } from '@standard-schema/spec';"],
  ])('lets %s have %s', (path, text) => {
    expect(strayPackages(one(path, text))).toEqual([]);
  });

  it.each([
    ['Date.now();', 'Clock'],
    ['const now = Date.now;', 'Clock'],
    ['new Date();', 'Clock'],
    ['Date();', 'Clock'],
    ['performance.now();', 'Clock'],
    ['Math.random();', 'Random'],
    ['crypto.randomUUID();', 'Random'],
    ['setTimeout(f, 1);', 'Clock.sleep'],
    ['f(setTimeout);', 'Clock.sleep'],
    ['AbortSignal.timeout(1);', 'Clock.sleep'],
    ['process.env.HOME;', 'option'],
    ['console.log(1);', 'Telemetry'],
    ['globalThis.setTimeout(f, 1);', 'import or a port'],
    ['fetch(a!);', 'adapter'],
    ['(console as Console).log(1);', 'Telemetry'],
  ])('names what to use instead of %s', (text, instead) => {
    const file = `declare const a: string | undefined; declare function f(...x: unknown[]): void; ${text}`;
    expect(strayAmbience(one('lib/runtime/a.ts', file))).toEqual([expect.stringContaining(instead)]);
    expect(strayAmbience(one('lib/adapters/system/a.ts', file))).toEqual([]);
    expect(strayAmbience(one('cli/a.ts', file))).toEqual([]);
  });

  it('leaves dates of given times and pure functions of Math alone', () => {
    const text = 'export const a = [new Date(0), Date.UTC(2001, 0), Math.max(1, 2), AbortSignal.any([])];';
    expect(strayAmbience(one('lib/runtime/a.ts', text))).toEqual([]);
  });

  it.each([
    'export async function f() {}',
    'export const p = (async () => {})()',
    'export const p = Promise.all([])',
    'export const p = new Promise(() => {})',
  ])('forbids plan and protocol %s', (text) => {
    expect(asyncInPureFolders(one('lib/plan/a.ts', text))).not.toEqual([]);
    expect(asyncInPureFolders(one('lib/runtime/a.ts', text))).toEqual([]);
  });

  it('lets plan and protocol look whether something is a promise', () => {
    expect(
      asyncInPureFolders(one('lib/protocol/a.ts', 'export const f = (a: unknown) => a instanceof Promise;')),
    ).toEqual([]);
  });

  it('measures files', () => {
    const lines = (n: number): SourceFile[] => one('lib/model/a.ts', 'export {};\n'.repeat(n));
    expect(tooLong(lines(400))).toEqual([]);
    expect(tooLong(lines(401))).toEqual([expect.stringContaining('401 lines')]);
  });

  it.each([
    'export class LogImpl {}',
    'export interface TaskManager {}',
    'export function dateHelper() {}',
    'export type BaseLog = 1',
  ])('asks for the mechanism in the name: %s', (text) => {
    expect(emptyNames(one('lib/model/a.ts', text))).toEqual([expect.stringContaining('name the mechanism')]);
  });

  it('takes words for words and not parts of them', () => {
    expect(emptyNames(one('lib/model/database.ts', 'export class Database {} export const utility = 1;'))).toEqual([]);
  });

  it.each(['lib/model/utils.ts', 'lib/common/a.ts', 'lib/model/date-helpers.ts'])('refuses the path %s', (path) => {
    expect(emptyNames(one(path, ''))).toEqual([expect.stringContaining('named')]);
  });

  it('wants file names in kebab-case', () => {
    expect(
      oddFileNames(sources({ 'lib/memoryLog.ts': '', 'lib/memory_log.ts': '', 'test/memory-log.test.ts': '' })),
    ).toHaveLength(2);
  });
});
