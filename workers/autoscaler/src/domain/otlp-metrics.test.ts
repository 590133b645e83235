import { describe, expect, it } from "vitest";
import { findExportedNode, OtlpExport, readExport } from "./otlp-metrics.ts";

const NANOS = "1795227600123456789";
const SECOND_MS = 1_795_227_600_000;

const point = (value: number, attributes: Record<string, string> = {}) => ({
  timeUnixNano: NANOS,
  asDouble: value,
  attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
});

const gauge = (name: string, ...dataPoints: object[]) => ({ name, unit: "1", gauge: { dataPoints } });

const exportOf = (metrics: object[], attributes: Record<string, string> = { "host.id": "n1" }) =>
  OtlpExport.parse({
    resourceMetrics: [
      {
        resource: {
          attributes: [
            ...Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
            { key: "process.pid", value: { intValue: "12" } },
          ],
        },
        scopeMetrics: [{ scope: { name: "hostmetrics" }, metrics }],
      },
    ],
  });

describe("an export of the hostmetrics receiver", () => {
  it("becomes one sample in percent", () => {
    const samples = readExport(
      exportOf([
        gauge(
          "system.cpu.utilization",
          point(0.5, { cpu: "cpu0", state: "idle" }),
          point(0.5, { cpu: "cpu0", state: "user" }),
          point(0.25, { cpu: "cpu1", state: "idle" }),
        ),
        gauge(
          "system.memory.utilization",
          point(0.3, { state: "cached" }),
          point(0.5, { state: "used" }),
          point(0.2, { state: "free" }),
        ),
        gauge(
          "system.filesystem.utilization",
          point(0.25, { mountpoint: "/", mode: "rw" }),
          point(0.75, { mountpoint: "/data", mode: "rw" }),
          point(1, { mountpoint: "/snap", mode: "ro" }),
        ),
        gauge("system.cpu.load_average.1m", point(3)),
        { name: "system.network.io", histogram: { dataPoints: [{ count: "1" }] } },
      ]),
    );
    expect(samples).toEqual([
      {
        tsMs: SECOND_MS,
        values: {
          cpu: 62.5,
          memory: 50,
          disk: 75,
          load: 150,
          error_rate: null,
          latency_ms: null,
          tenant_count: null,
        },
      },
    ]);
  });

  it("leaves out load when the cores are not known", () => {
    const [sample] = readExport(exportOf([gauge("system.cpu.load_average.1m", point(3))])) ?? [];
    expect(sample?.values.load).toBeNull();
  });

  it("gives no sample without any of the metrics that are read", () => {
    expect(readExport(exportOf([gauge("system.uptime", point(5))]))).toEqual([]);
  });

  it("is refused when a utilization is in percent already", () => {
    expect(readExport(exportOf([gauge("system.memory.utilization", point(50, { state: "used" }))]))).toBeUndefined();
  });
});

describe("the node of an export", () => {
  it.each([
    [{ "host.id": "n1", "service.instance.id": "n2" }, "n1"],
    [{ "service.instance.id": "n2" }, "n2"],
    [{ "host.name": "n3" }, undefined],
  ])("is host.id, else service.instance.id: %o", (attributes, expected) => {
    expect(findExportedNode(exportOf([], attributes))).toBe(expected);
  });

  it("is not known when resources name several", () => {
    const both = [exportOf([]), exportOf([], { "host.id": "n2" })].flatMap((one) => one.resourceMetrics);
    expect(findExportedNode({ resourceMetrics: both })).toBeUndefined();
  });
});
