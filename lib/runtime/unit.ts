import type { KeyId } from '../model/index.ts';
import type { Frame } from '../protocol/index.ts';

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
  watermarkBefore: number;
  processingTimeBefore: number;
  readonly seed: number;
  /** How often `random` was called for what is in hand: zero again whenever something is taken in hand, be it for the second time. */
  draws = 0;

  constructor(seed: number, watermark: number, processingTime: number) {
    this.seed = seed;
    this.watermark = watermark;
    this.processingTime = processingTime;
    this.watermarkBefore = watermark;
    this.processingTimeBefore = processingTime;
  }

  /** The record in hand is row `row` of this frame; undefined for a source's row. */
  frame: Frame | undefined = undefined;
  row = 0;
  /** The timer in hand; undefined while a record is. */
  cell: { readonly table: { readonly name: string }; readonly key: KeyId; readonly sub: unknown } | undefined =
    undefined;
  timer = 0;

  moveWatermark(to: number): void {
    this.watermarkBefore = this.watermark;
    this.watermark = to;
  }

  /** Moves processing time, never back. */
  moveProcessingTime(to: number): void {
    this.processingTimeBefore = this.processingTime;
    if (to > this.processingTime) this.processingTime = to;
  }

  /**
   * Uniform in [0, 1), a function of what is in hand and of how often it was called for it: of a record its position on its channel, of a timer
   * its operator, key, name and time; never of where batches were cut. Splitmix32 over their mix.
   */
  random(): number {
    let h = this.#identity();
    h = mix(h + Math.imul(++this.draws, 0x9e3779b9));
    return (h >>> 0) / 0x1_0000_0000;
  }

  #identity(): number {
    const { cell, frame, row } = this;
    if (cell !== undefined) {
      const table = mixText(this.seed, cell.table.name);
      return mixNumber(mixText(mixText(table, String(cell.key)), String(cell.sub)), this.timer);
    }
    if (frame === undefined) return mixNumber(this.seed, this.cause);
    const channel = mixNumber(mixText(this.seed, frame.channel.edge), frame.channel.task);
    return mixNumber(mixNumber(channel, frame.causes[row]!), frame.ks[row]!);
  }
}

function mixNumber(h: number, n: number): number {
  return mix(mix(h ^ (n | 0)) ^ Math.floor(n / 0x1_0000_0000));
}

function mixText(h: number, text: string): number {
  let mixed = mix(h ^ text.length);
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
  return mix(mixed);
}

function mix(h: number): number {
  let x = (h + 0x9e3779b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
