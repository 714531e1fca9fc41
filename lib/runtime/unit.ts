/**
 * What the task is at work on: shared by everything in a stage, changed in place, so that no record carries it along.
 */
export class Unit {
  /** Offset of the message that is being applied: the cause of every output until the next. */
  cause = -1;
  /** Ordinal, within the message, of the record or timer in hand. */
  index = -1;
  watermark: number;
  processingTime: number;
  readonly seed: number;
  #draws = 0;
  #drawnFor = -1;
  #drawnIndex = -1;

  constructor(seed: number, watermark: number, processingTime: number) {
    this.seed = seed;
    this.watermark = watermark;
    this.processingTime = processingTime;
  }

  /** Uniform in [0, 1), a function of (task, cause, index, how often called for it): splitmix32 over their mix. */
  random(): number {
    if (this.#drawnFor !== this.cause || this.#drawnIndex !== this.index) {
      this.#drawnFor = this.cause;
      this.#drawnIndex = this.index;
      this.#draws = 0;
    }
    let h = this.seed;
    h = mix(h ^ (this.cause | 0));
    h = mix(h ^ Math.floor(this.cause / 0x1_0000_0000));
    h = mix(h ^ this.index);
    h = mix(h + Math.imul(++this.#draws, 0x9e3779b9));
    return (h >>> 0) / 0x1_0000_0000;
  }
}

function mix(h: number): number {
  let x = (h + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
