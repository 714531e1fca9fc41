import { readFileSync } from 'node:fs';

interface Route {
  readonly from: string;
  readonly to: string;
  readonly flights: number;
  readonly meanDelay: number;
}

/** The busiest routes, from the result file. */
export function summary(): string {
  const lines = readFileSync('out/routes/routes.jsonl', 'utf8').trimEnd().split('\n');
  const routes = lines.map((line) => JSON.parse(line) as Route);
  const busiest = routes.sort((a, b) => b.flights - a.flights || (a.from < b.from ? -1 : 1)).slice(0, 10);
  return [
    'The busiest routes:',
    ...busiest.map(
      ({ from, to, flights, meanDelay }) =>
        `  ${`${from} to ${to}`.padEnd(40)} ${String(flights).padStart(5)} flights ${meanDelay.toFixed(1).padStart(7)} min`,
    ),
  ].join('\n');
}
