import { readFileSync } from 'node:fs';

interface NetworkHour {
  readonly network: string;
  readonly hour: string;
  readonly revision: number;
  readonly quakes: number;
  readonly strongest: number;
}

/** A table by network, from the last revision of each hour, and how many quakes came too late for any. */
export function summary(): string {
  const hours = new Map<string, NetworkHour>();
  const all = rows<NetworkHour>('networks');
  for (const row of all) {
    const id = `${row.network} ${row.hour}`;
    if (row.revision >= (hours.get(id)?.revision ?? 0)) hours.set(id, row);
  }
  const networks = new Map<string, { quakes: number; strongest: number }>();
  for (const { network, quakes, strongest } of hours.values()) {
    const total = networks.get(network) ?? { quakes: 0, strongest: Number.NEGATIVE_INFINITY };
    total.quakes += quakes;
    total.strongest = Math.max(total.strongest, strongest);
    networks.set(network, total);
  }
  const sorted = [...networks].sort(([, a], [, b]) => b.quakes - a.quakes);
  const counted = sorted.reduce((sum, [, { quakes }]) => sum + quakes, 0);
  const late = rows('late').length;
  return [
    'Earthquakes by network:',
    line('network', 'quakes', 'strongest'),
    ...sorted.map(([network, { quakes, strongest }]) => line(network, quakes, strongest)),
    `${counted} counted in ${hours.size} hours of a network, in ${all.length} results; ${late} came too late; ${counted + late} in all`,
  ].join('\n');
}

const rows = <T>(name: string): T[] =>
  readFileSync(`out/earthquakes/${name}.jsonl`, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as T);

const line = (network: string, ...rest: readonly (string | number)[]): string =>
  `  ${network.padEnd(8)}${rest.map((cell) => String(cell).padStart(10)).join('')}`;
