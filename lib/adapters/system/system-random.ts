import type { Random } from '../../ports/index.ts';

/** The platform's generator; not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };
