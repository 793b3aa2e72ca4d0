import { describe, expect, test } from "bun:test"
import { makeTelemetry } from "../../src/cli/telemetry/telemetry.ts"
import { readSettings } from "../../src/reporters/otlp/settings.ts"

import { localShell, shop } from "./collector.ts"

describe("the standard variables of OpenTelemetry", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/base/" }

  test("send nothing if none is set or telemetry is disabled", () => {
    expect(readSettings({})).toBeUndefined()
    expect(readSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_SERVICE_NAME: "x" })).toBeUndefined()
    expect(readSettings({ ...endpoint, OTEL_SDK_DISABLED: "TRUE" })).toBeUndefined()
    expect(readSettings({ ...endpoint, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" })).toBeUndefined()
    const none = makeTelemetry({ env: {}, version: "1", warn: () => {} })
    expect(none.followers(shop)).toEqual([])
    expect(none.traceCommands(localShell)).toBe(localShell)
  })

  test("set one endpoint for both signals, or one for each", () => {
    expect(readSettings(endpoint)).toMatchObject({
      traces: { url: "http://collector:4318/base/v1/traces", protocol: "http/json" },
      metrics: { url: "http://collector:4318/base/v1/metrics" },
      warnings: []
    })
    const own = readSettings({
      ...endpoint,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t/x",
      OTEL_METRICS_EXPORTER: "none"
    })
    expect([own?.traces?.url, own?.metrics]).toEqual(["https://t/x", undefined])
  })

  test("cause one warning if they ask for something unsupported", () => {
    const warnings = (more: Readonly<Record<string, string>>) => readSettings({ ...endpoint, ...more })?.warnings
    expect(warnings({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })).toEqual([
      "OTEL_EXPORTER_OTLP_PROTOCOL is grpc; jiji supports only http/json and http/protobuf"
    ])
    expect(warnings({ OTEL_TRACES_EXPORTER: "zipkin" })).toEqual([
      "OTEL_TRACES_EXPORTER is zipkin; jiji supports only otlp and none"
    ])
    const said: Array<string> = []
    const env = { ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }
    expect(makeTelemetry({ env, version: "1", warn: (text) => said.push(text) }).followers(shop)).toHaveLength(0)
    expect(said.join("")).toStartWith("warning: OTEL_EXPORTER_OTLP_PROTOCOL is grpc; jiji supports only http/json")
    const rude = { ...endpoint, OTEL_TRACES_EXPORTER: "bad\u001b[2J\n::error::x" }
    makeTelemetry({ env: rude, version: "1", warn: (text) => said.push(text) }).followers(shop)
    expect(said.at(-1)).toStartWith("warning: OTEL_TRACES_EXPORTER is bad\n  | ::error::x; jiji supports only otlp")
    expect(warnings({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://"
    ])
  })

  test("set the parent span of a run, if it is valid", () => {
    const parent = (text: string) => readSettings({ ...endpoint, TRACEPARENT: text })?.parent
    const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]
    expect(parent(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, sampled: true })
    expect(parent(`00-${traceId}-${spanId}-00`)).toEqual({ traceId, spanId, sampled: false })
    expect(parent(`00-${traceId}-0000000000000000-01`)).toBeUndefined()
    expect(parent("nonsense")).toBeUndefined()
  })
})
