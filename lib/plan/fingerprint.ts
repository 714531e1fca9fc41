import { createHash } from 'node:crypto';

/**
 * A short name for code and data: equal for equal function texts and equal JSON, whatever the order of properties. Functions count by their source
 * text without its layout; what they close over is not seen. Values that have no JSON (symbols, cycles) count by their type.
 */
export function fingerprint(...parts: readonly unknown[]): string {
  return digest(parts, (code) => withoutLayout(Function.prototype.toString.call(code)));
}

/** The same of what is data in these parts: functions count by being there, whatever their text. Equal for code and for what a bundler made of it. */
export function dataFingerprint(...parts: readonly unknown[]): string {
  return digest(parts, () => '');
}

type TextOfCode = (code: object) => string;

function digest(parts: readonly unknown[], textOfCode: TextOfCode): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(textOf(part, 0, textOfCode)).update('\n');
  return hash.digest('hex').slice(0, 16);
}

const MAX_DEPTH = 32;

function textOf(value: unknown, depth: number, code: TextOfCode): string {
  if (typeof value === 'function') return `function ${code(value)}`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Date) return `date ${value.getTime()}`;
  if (value instanceof RegExp) return `regexp ${value}`;
  if (typeof value !== 'object' || value === null) return typeof value === 'symbol' ? 'symbol' : String(value);
  if (depth >= MAX_DEPTH) return '...';
  if (Array.isArray(value)) return `[${value.map((item) => textOf(item, depth + 1, code)).join(',')}]`;
  if (value instanceof Map) return `map ${textOf([...value], depth + 1, code)}`;
  if (value instanceof Set) return `set ${textOf([...value], depth + 1, code)}`;
  const entries = Object.entries(value)
    .filter(([, held]) => held !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([name, held]) => `${JSON.stringify(name)}:${textOf(held, depth + 1, code)}`).join(',')}}`;
}

/** Source text with white space outside of quotes reduced to what separates words, so that stripping types or formatting anew changes nothing. */
function withoutLayout(source: string): string {
  return source.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\s+/g, (found, at: number) => {
    if (!/^\s/.test(found)) return found;
    const before = source[at - 1] ?? '';
    const behind = source[at + found.length] ?? '';
    return /[\w$]/.test(before) && /[\w$]/.test(behind) ? ' ' : '';
  });
}
