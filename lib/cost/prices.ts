/** What AWS asks, in US dollars of us-east-1, as read in November 2026. All of it can be overridden; none of it counts free tiers unless said so. */
export interface Prices {
  /** When and where they were read. */
  readonly asOf: string;
  readonly lambda: {
    /** Per request. */
    readonly request: number;
    /** Per gigabyte and second, on arm64. */
    readonly gigabyteSecond: number;
  };
  readonly dynamodb: {
    /** Per unit: a kilobyte written. On demand. */
    readonly writeUnit: number;
    /** Per unit: four kilobytes read consistently. */
    readonly readUnit: number;
    /** Per gigabyte and month, with point-in-time recovery. */
    readonly gigabyteMonth: number;
  };
  readonly s3: {
    /** Per PUT or LIST. */
    readonly put: number;
    readonly get: number;
    readonly gigabyteMonth: number;
  };
  /** Of one schedule's calls. */
  readonly scheduler: { readonly call: number };
  readonly cloudwatch: {
    /** Per gigabyte of logs taken in. */
    readonly logGigabyte: number;
    /** Per custom metric and month. */
    readonly metricMonth: number;
    /** Per alarm on a metric and month. */
    readonly alarmMonth: number;
    /** Per dashboard and month, beyond the three that are free. */
    readonly dashboardMonth: number;
  };
  readonly kafka: {
    /** Per gigabyte that goes into a topic, with what reading it costs. Of a cluster that is paid for by the hour: 0. */
    readonly gigabyte: number;
  };
  /** Per hour of an event poller unit, with provisioned mode. */
  readonly pollerUnitHour: number;
  readonly fargate: {
    /** Per processor and hour, on arm64. */
    readonly processorHour: number;
    readonly gigabyteHour: number;
  };
}

/** Prices as read in November 2026; Kafka's is that of MSK Express (0.01 in). */
export const listPrices: Prices = {
  asOf: 'us-east-1, November 2026',
  lambda: { request: 0.2e-6, gigabyteSecond: 0.0000133334 },
  dynamodb: { writeUnit: 0.625e-6, readUnit: 0.125e-6, gigabyteMonth: 0.45 },
  s3: { put: 5e-6, get: 0.4e-6, gigabyteMonth: 0.023 },
  scheduler: { call: 1e-6 },
  cloudwatch: { logGigabyte: 0.5, metricMonth: 0.3, alarmMonth: 0.1, dashboardMonth: 3 },
  kafka: { gigabyte: 0.01 },
  pollerUnitHour: 0.185,
  fargate: { processorHour: 0.03238, gigabyteHour: 0.003556 },
};

/** The list prices with some of them replaced, as an object of the same form. Throws what `fault` makes of the path of anything that is no price. */
export function pricesWith(overrides: unknown, fault: (path: string) => Error): Prices {
  return merged(listPrices, overrides, '', fault) as Prices;
}

function merged(base: unknown, over: unknown, path: string, fault: (path: string) => Error): unknown {
  if (over === undefined) return base;
  if (typeof base !== 'object' || base === null) {
    const fits = typeof over === typeof base && (typeof over !== 'number' || (Number.isFinite(over) && over >= 0));
    if (!fits) throw fault(path);
    return over;
  }
  if (typeof over !== 'object' || over === null || Array.isArray(over)) throw fault(path);
  const parts: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const inner = path === '' ? name : `${path}.${name}`;
    if (!(name in parts)) throw fault(inner);
    parts[name] = merged(parts[name], value, inner, fault);
  }
  return parts;
}
