/** Where one signal goes. */
export interface Endpoint {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocol: "http/json" | "http/protobuf"
}

/** The span that a run is part of. */
export interface Parent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** What the standard variables of OpenTelemetry ask for. */
export interface Settings {
  readonly traces?: Endpoint
  readonly metrics?: Endpoint
  readonly parent?: Parent
  /** What jiji is called there, and what else is told of it. */
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
  /** What they ask for and is not done. */
  readonly warnings: ReadonlyArray<string>
}

type Environment = Readonly<Record<string, string | undefined>>

/** The first variable that is set. An empty one counts as none, as the standard says. */
const first = (env: Environment, names: ReadonlyArray<string>): readonly [name: string, value: string] | undefined => {
  for (const name of names) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== "") return [name, value]
  }
  return undefined
}

const decoded = (text: string): string => {
  // A lone percent sign stands for itself.
  const isEncoded = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/u.test(text)
  return isEncoded ? new TextDecoder().decode(percentDecoded(text)) : text
}

const percentDecoded = (text: string): Uint8Array =>
  Buffer.concat(
    text
      .split(/(%[0-9A-Fa-f]{2})/u)
      .map((part) => (/^%[0-9A-Fa-f]{2}$/u.test(part) ? Buffer.from(part.slice(1), "hex") : Buffer.from(part)))
  )

/** `key=value,key=value`, percent-encoded. */
const pairs = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const at = pair.indexOf("=")
      const name = pair.slice(0, at).trim()
      return at > 0 && name !== "" ? [[name, decoded(pair.slice(at + 1).trim())]] : []
    })
  )

const endpoint = (
  env: Environment,
  signal: "TRACES" | "METRICS",
  warn: (text: string) => void
): Endpoint | undefined => {
  const own = `OTEL_EXPORTER_OTLP_${signal}`
  const [exporterName, exporter] = first(env, [`OTEL_${signal}_EXPORTER`]) ?? ["", "otlp"]
  if (exporter === "none") return undefined
  const place = first(env, [`${own}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"])
  if (place === undefined) return undefined
  const [name, address] = place
  if (!exporter.split(",").some((each) => each.trim() === "otlp")) {
    warn(`${exporterName} is ${exporter}; only otlp and none are known`)
    return undefined
  }
  if (!URL.canParse(address) || !/^https?:/u.test(address)) {
    warn(`${name} is no address that begins with http:// or https://`)
    return undefined
  }
  const url = new URL(address)
  if (name === "OTEL_EXPORTER_OTLP_ENDPOINT") {
    url.pathname = `${url.pathname.replace(/\/$/u, "")}/v1/${signal.toLowerCase()}`
  }
  const [protocolName, protocol] = first(env, [`${own}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"]) ?? ["", "http/json"]
  if (protocol !== "http/json" && protocol !== "http/protobuf") {
    warn(`${protocolName} is ${protocol}; only http/json and http/protobuf are known`)
    return undefined
  }
  const headers = pairs(first(env, [`${own}_HEADERS`, "OTEL_EXPORTER_OTLP_HEADERS"])?.[1] ?? "")
  return { url: url.toString(), headers, protocol }
}

/** W3C's trace context, as a CI hands it on. */
const parentOf = (text: string): Parent | undefined => {
  const [, traceId = "", spanId = "", flags = ""] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/u.exec(text) ?? []
  if (/^0*$/u.test(traceId) || /^0*$/u.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Reads the variables; nothing where they ask for nothing. */
export const settings = (env: Environment): Settings | undefined => {
  if (env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true") return undefined
  const warnings = new Set<string>()
  const warn = (text: string) => void warnings.add(text)
  const traces = endpoint(env, "TRACES", warn)
  const metrics = endpoint(env, "METRICS", warn)
  if (traces === undefined && metrics === undefined && warnings.size === 0) return undefined
  const attributes = pairs(first(env, ["OTEL_RESOURCE_ATTRIBUTES"])?.[1] ?? "")
  const parent = parentOf(env["TRACEPARENT"]?.trim() ?? "")
  return {
    ...(traces !== undefined && { traces }),
    ...(metrics !== undefined && { metrics }),
    ...(parent !== undefined && { parent }),
    serviceName: first(env, ["OTEL_SERVICE_NAME"])?.[1] ?? attributes["service.name"] ?? "jiji",
    attributes,
    warnings: [...warnings]
  }
}
