import type { Json, SinkConnector, SourceConnector } from '../../lib/ports/index.ts';

/** A source that is never opened. */
export function rows<T = unknown>(options: { [name: string]: Json } = {}, bounded = true): SourceConnector<T> {
  return {
    kind: 'fake-rows',
    options,
    bounded,
    open: () => Promise.reject(new Error('opened')),
  };
}

/** A sink that is never opened. */
export function drain<T = unknown>(options: { single?: boolean; name?: string } = {}): SinkConnector<T> {
  const { single = false, name = 'drain' } = options;
  return {
    kind: 'fake-drain',
    options: { name },
    guarantee: 'exactly-once',
    single,
    open: () => Promise.reject(new Error('opened')),
  };
}
