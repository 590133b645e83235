import { z } from "zod";
import { LOAD_PERCENT_MAX } from "./metrics-report.ts";
import type { MetricsSample, MetricValues } from "./metrics-sample.ts";

// OTLP receivers must ignore what they do not know, so these objects are open.
const Attribute = z.looseObject({ key: z.string(), value: z.looseObject({ stringValue: z.string().optional() }) });
const DataPoint = z.looseObject({
  attributes: z.array(Attribute).optional(),
  timeUnixNano: z.union([z.string().regex(/^\d{1,20}$/), z.int().min(0)]),
  asDouble: z.number().optional(),
  asInt: z.union([z.string().regex(/^-?\d{1,19}$/), z.int()]).optional(),
});
type DataPoint = z.infer<typeof DataPoint>;
const Points = z.looseObject({ dataPoints: z.array(z.unknown()).optional() });
const OtlpMetric = z.looseObject({ name: z.string(), gauge: Points.optional(), sum: Points.optional() });
type OtlpMetric = z.infer<typeof OtlpMetric>;

/** Body of an OTLP/HTTP metrics export in JSON, as far as it is read. */
export const OtlpExport = z.looseObject({
  resourceMetrics: z
    .array(
      z.looseObject({
        resource: z.looseObject({ attributes: z.array(Attribute).optional() }).optional(),
        scopeMetrics: z.array(z.looseObject({ metrics: z.array(OtlpMetric).optional() })).optional(),
      }),
    )
    .min(1),
});
export type OtlpExport = z.infer<typeof OtlpExport>;

export const isOtlpExport = (body: object): boolean => "resourceMetrics" in body;

/** The one node that every resource of an export names; undefined when none or several are named. */
export function findExportedNode({ resourceMetrics }: OtlpExport): string | undefined {
  const [first, ...others] = new Set(
    resourceMetrics.map(({ resource }) => {
      const named = (key: string) => resource?.attributes?.find((one) => one.key === key)?.value.stringValue;
      return named("host.id") ?? named("service.instance.id");
    }),
  );
  return others.length === 0 ? first : undefined;
}

/** Scrapers of one collection differ by milliseconds: their points of one second make one sample. */
const SAMPLE_MS = 1_000;
/** A ratio may leave 0-1 by rounding, anything beyond is another unit. */
const RATIO_SLACK = 0.01;

/**
 * Samples in an export of the collector's hostmetrics receiver; other metrics are ignored. CPU is what is not idle over all
 * cores, memory the state `used`, disk the fullest writable file system, load in percent of the cores seen.
 * @returns undefined when a utilization is not a ratio.
 */
export function readExport({ resourceMetrics }: OtlpExport): MetricsSample[] | undefined {
  const metrics = resourceMetrics.flatMap(({ scopeMetrics = [] }) =>
    scopeMetrics.flatMap(({ metrics = [] }) => metrics),
  );
  const cpu = pointsBySecond(metrics, "system.cpu.utilization");
  const memory = pointsBySecond(metrics, "system.memory.utilization");
  const disk = pointsBySecond(metrics, "system.filesystem.utilization");
  const load = pointsBySecond(metrics, "system.cpu.load_average.1m");
  const cores = new Set([...cpu.values()].flat().flatMap((point) => attributeOf(point, "cpu") ?? [])).size;
  const ratios = [cpu, memory, disk].flatMap((points) => [...points.values()].flat().map(valueOf));
  if (ratios.some((ratio) => ratio < -RATIO_SLACK || ratio > 1 + RATIO_SLACK)) return undefined;

  const seconds = new Set([cpu, memory, disk, load].flatMap((points) => [...points.keys()]));
  return [...seconds]
    .toSorted((left, right) => left - right)
    .map((second) => ({
      tsMs: second * SAMPLE_MS,
      values: {
        ...UNMEASURED,
        cpu: toPercent(readCpu(cpu.get(second) ?? [])),
        memory: toPercent(readMemory(memory.get(second) ?? [])),
        disk: toPercent(readDisk(disk.get(second) ?? [])),
        load: readLoad(load.get(second) ?? [], cores),
      },
    }));
}

const UNMEASURED: MetricValues = {
  cpu: null,
  memory: null,
  disk: null,
  load: null,
  error_rate: null,
  latency_ms: null,
  tenant_count: null,
};

function pointsBySecond(metrics: readonly OtlpMetric[], name: string): Map<number, DataPoint[]> {
  const points = metrics
    .filter((metric) => metric.name === name)
    .flatMap(({ gauge, sum }) => [...(gauge?.dataPoints ?? []), ...(sum?.dataPoints ?? [])])
    .flatMap((point) => DataPoint.safeParse(point).data ?? [])
    .filter((point) => Number.isFinite(valueOf(point)));
  return Map.groupBy(points, ({ timeUnixNano }) => Number(BigInt(timeUnixNano) / 1_000_000_000n));
}

function readCpu(points: readonly DataPoint[]): number | undefined {
  const idle = points.filter((point) => attributeOf(point, "state") === "idle");
  if (idle.length > 0) return 1 - meanOf(idle);
  const stateless = points.filter((point) => attributeOf(point, "state") === undefined);
  return stateless.length > 0 ? meanOf(stateless) : undefined;
}

const readMemory = (points: readonly DataPoint[]): number | undefined =>
  points.filter((point) => (attributeOf(point, "state") ?? "used") === "used").map(valueOf)[0];

function readDisk(points: readonly DataPoint[]): number | undefined {
  const writable = points.filter((point) => attributeOf(point, "mode") !== "ro");
  return writable.length > 0 ? Math.max(...writable.map(valueOf)) : undefined;
}

function readLoad(points: readonly DataPoint[], cores: number): number | null {
  const [point] = points;
  if (point === undefined || cores === 0) return null;
  return Math.min(LOAD_PERCENT_MAX, Math.max(0, (100 * valueOf(point)) / cores));
}

const valueOf = ({ asDouble, asInt }: DataPoint): number =>
  asDouble ?? (asInt === undefined ? Number.NaN : Number(asInt));

const attributeOf = ({ attributes }: DataPoint, key: string): string | undefined =>
  attributes?.find((one) => one.key === key)?.value.stringValue;

const meanOf = (points: readonly DataPoint[]): number =>
  points.reduce((sum, point) => sum + valueOf(point), 0) / points.length;

const toPercent = (ratio: number | undefined): number | null =>
  ratio === undefined ? null : 100 * Math.min(1, Math.max(0, ratio));
