import { UsageError } from './exit-codes.ts';

/** Where to listen: `port`, of this machine alone, or `host:port`, with an IPv6 address in brackets. */
export function httpAt(at: string): { readonly host?: string; readonly port: number } {
  const colon = at.lastIndexOf(':');
  const text = at.slice(colon + 1);
  const port = Number(text);
  if (text === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`--http ${at} names no port`);
  return colon > 0 ? { host: at.slice(0, colon).replace(/^\[|\]$/g, ''), port } : { port };
}
