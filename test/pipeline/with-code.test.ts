import { describe, expect, it } from 'vitest';
import { collection, count, minutes, type Pipeline, pipeline, toMemory, tumbling } from '../../lib/index.ts';

type Select = (page: string) => string;

/** Two stages; the text of `select` counts for the first one's code. */
const pages = (select: Select, size = 1, version?: string): Pipeline =>
  pipeline(
    'pages',
    (p) => {
      p.source('clicks', collection(['a', 'b']), { eventTime: () => new Date(0) })
        .keyBy('by-page', select)
        .window(tumbling(minutes(size)))
        .aggregate('per-minute', { clicks: count() })
        .to('counts', toMemory());
    },
    version === undefined ? {} : { version },
  );

const first: Select = (page) => page;
const second: Select = (page) => page.toUpperCase();
const codes = ({ plan }: Pipeline): Record<string, string> =>
  Object.fromEntries(plan.stages.map(({ id, code }) => [id, code]));
const hashes = { clicks: 'c', 'by-page': 'k', 'per-minute': 'w', counts: 's' };

describe('a pipeline with hashes of its code', () => {
  it('counts by them and not by the text of its functions', () => {
    expect(codes(pages(first))).not.toEqual(codes(pages(second)));
    expect(codes(pages(first).withCode(hashes))).toEqual(codes(pages(second).withCode(hashes)));
  });

  it('changes a stage where the hash of one of its nodes changes, and no other', () => {
    const before = codes(pages(first).withCode(hashes));
    const after = codes(pages(first).withCode({ ...hashes, 'per-minute': 'other' }));
    expect(after['clicks']).toBe(before['clicks']);
    expect(after['per-minute']).not.toBe(before['per-minute']);
  });

  it('still counts its options and the version that the author gives', () => {
    const known = codes(pages(first).withCode(hashes));
    expect(codes(pages(first, 2).withCode(hashes))['per-minute']).not.toBe(known['per-minute']);
    const versioned = codes(pages(first, 1, 'v2').withCode(hashes));
    expect(versioned['clicks']).not.toBe(known['clicks']);
    expect(versioned['per-minute']).not.toBe(known['per-minute']);
  });

  it('keeps them with other connectors and another parallelism', () => {
    const coded = pages(first).withCode(hashes);
    const bindings = { sources: { clicks: collection(['c']) }, sinks: { counts: toMemory() } };
    expect(codes(coded.withBindings(bindings))).toEqual(codes(pages(first).withBindings(bindings).withCode(hashes)));
    expect(codes(coded.withParallelism(3))).toEqual(codes(pages(first).withParallelism(3).withCode(hashes)));
  });

  it('leaves alone what is not named', () => {
    expect(codes(pages(first).withCode({}))).toEqual(codes(pages(first)));
  });

  it('rejects an id that it does not have', () => {
    expect(() => pages(first).withCode({ klicks: 'x' })).toThrow(
      /no operator 'klicks': its operators are 'clicks', 'by-page'/,
    );
  });
});
