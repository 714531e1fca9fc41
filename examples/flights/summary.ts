import { readFileSync } from 'node:fs';

interface AirportDay {
  readonly airport: string;
  readonly departures: number;
  readonly late: number;
  readonly mean: number;
}

/** A table of the airports with most late departures over all days, from the result file. */
export function summary(): string {
  const totals = new Map<string, { departures: number; late: number; minutes: number }>();
  for (const { airport, departures, late, mean } of airportDays()) {
    const total = totals.get(airport) ?? { departures: 0, late: 0, minutes: 0 };
    total.departures += departures;
    total.late += late;
    total.minutes += mean * departures;
    totals.set(airport, total);
  }
  const worst = [...totals].sort(([, a], [, b]) => b.late - a.late).slice(0, 10);
  const lines = worst.map(([airport, { departures, late, minutes }]) =>
    row(
      airport,
      departures,
      late,
      `${((100 * late) / departures).toFixed(1)} %`,
      `${(minutes / departures).toFixed(1)} min`,
    ),
  );
  return [
    'The most delayed airports:',
    row('airport', 'departures', 'late', 'share late', 'mean delay'),
    ...lines,
  ].join('\n');
}

function airportDays(): AirportDay[] {
  const lines = readFileSync('out/flights/airport-days.jsonl', 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as AirportDay);
}

const row = (airport: string, ...rest: readonly (string | number)[]): string =>
  `  ${airport.padEnd(8)}${rest.map((cell) => String(cell).padStart(12)).join('')}`;
