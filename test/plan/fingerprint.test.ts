import { expect, test } from 'vitest';
import { fingerprint } from '../../lib/plan/index.ts';

test('functions of the same text have the same fingerprint, of another text another', () => {
  expect(fingerprint((x: number) => x + 1)).toBe(fingerprint((x: number) => x + 1));
  expect(fingerprint((x: number) => x + 1)).not.toBe(fingerprint((x: number) => x + 2));
});

test('layout outside of quotes does not count', () => {
  const dense = new Function('a', 'return a+"x  y"');
  const wide = new Function('a', 'return   a +\n  "x  y"');
  const other = new Function('a', 'return a+"x y"');
  expect(fingerprint(wide)).toBe(fingerprint(dense));
  expect(fingerprint(other)).not.toBe(fingerprint(dense));
});

test('white space that separates words counts', () => {
  expect(fingerprint(new Function('return typeof x'))).not.toBe(fingerprint(new Function('return typeofx')));
});

test('properties count in any order, without those that are undefined', () => {
  expect(fingerprint({ a: 1, b: [2] })).toBe(fingerprint({ b: [2], c: undefined, a: 1 }));
});

test.each([
  [1, '1'],
  [1, 1n],
  [null, undefined],
  [[1, 2], [12]],
  [{ a: 1 }, { a: { a: 1 } }],
  [new Date(0), new Date(1)],
  [/a/, /a/i],
  [new Map([[1, 2]]), new Map([[1, 3]])],
  [new Set([1]), new Set([2])],
])('tells %o from %o', (a, b) => {
  expect(fingerprint(a)).not.toBe(fingerprint(b));
});

test('tells where one part ends and the next begins', () => {
  expect(fingerprint('a', 'b')).not.toBe(fingerprint('ab'));
  expect(fingerprint(['a'], 'b')).not.toBe(fingerprint('a', ['b']));
});

test('ends on data that goes round in circles', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  expect(fingerprint(circle)).toMatch(/^[0-9a-f]{16}$/);
});
