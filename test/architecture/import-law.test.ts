import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ambientExceptions, longFiles } from './law.ts';
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
  wrongDoors,
} from './rules.ts';
import { readSources } from './source-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const present = (folders: readonly string[]): string[] => folders.filter((folder) => existsSync(`${root}/${folder}`));
const production = readSources(root, present(['lib', 'cdk', 'functions', 'cli']));
const rest = readSources(root, present(['examples', 'test']));

describe('the project', () => {
  it('has no files that import one another, by types or values', () => {
    expect(fileCycles([...production, ...rest])).toEqual([]);
  });

  it('has no folders that import one another', () => {
    expect(unitCycles(production)).toEqual([]);
  });

  it('lets each folder know only what stands below it, and the house none of its doors', () => {
    expect(forbiddenUnits(production)).toEqual([]);
  });

  it('enters other folders by their index and never its own', () => {
    expect(wrongDoors(production)).toEqual([]);
  });

  it('imports each package in its own place only', () => {
    expect(strayPackages(production)).toEqual([]);
  });

  it('asks ports for time, chance, waiting and output outside doors and adapters', () => {
    expect(strayAmbience(production)).toEqual([]);
  });

  it('neither waits nor promises in plan and protocol', () => {
    expect(asyncInPureFolders(production)).toEqual([]);
  });

  it('has no file that is too long', () => {
    expect(tooLong([...production, ...rest])).toEqual([]);
  });

  it('makes exceptions only for files that exist', () => {
    const paths = production.map(({ path }) => path);
    expect(
      [...Object.keys(longFiles), ...Object.keys(ambientExceptions)].filter((path) => !paths.includes(path)),
    ).toEqual([]);
  });

  it('names files and exports after things', () => {
    expect(emptyNames([...production, ...rest])).toEqual([]);
    expect(oddFileNames([...production, ...rest])).toEqual([]);
  });
});
