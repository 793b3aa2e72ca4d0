/** Where to send one signal. */
export interface Endpoint {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly protocol: "http/json" | "http/protobuf"
}

/** The span that contains the run. */
export interface ParentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/** The settings from OpenTelemetry's standard variables. */
export interface Settings {
  readonly traces?: Endpoint
  readonly metrics?: Endpoint
  readonly parent?: ParentSpan
  readonly serviceName: string
  readonly attributes: Readonly<Record<string, string>>
  /** Settings that jiji does not support. */
  readonly warnings: ReadonlyArray<string>
}

type Environment = Readonly<Record<string, string | undefined>>

/** The first variable that is set. The standard says to treat an empty variable as unset. */
const firstSet = (
  env: Environment,
  names: ReadonlyArray<string>
): readonly [name: string, value: string] | undefined => {
  for (const name of names) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== "") return [name, value]
  }
  return undefined
}

const decodeValue = (text: string): string => {
  // A text with an invalid escape is not encoded.
  const isEncoded = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/u.test(text)
  return isEncoded ? new TextDecoder().decode(percentDecode(text)) : text
}

const percentDecode = (text: string): Uint8Array =>
  Buffer.concat(
    text
      .split(/(%[0-9A-Fa-f]{2})/u)
      .map((part) => (/^%[0-9A-Fa-f]{2}$/u.test(part) ? Buffer.from(part.slice(1), "hex") : Buffer.from(part)))
  )

/** `key=value,key=value`, percent-encoded. */
const parsePairs = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const at = pair.indexOf("=")
      const name = pair.slice(0, at).trim()
      return at > 0 && name !== "" ? [[name, decodeValue(pair.slice(at + 1).trim())]] : []
    })
  )

const readEndpoint = (
  env: Environment,
  signal: "TRACES" | "METRICS",
  warn: (text: string) => void
): Endpoint | undefined => {
  const prefix = `OTEL_EXPORTER_OTLP_${signal}`
  const [exporterName, exporter] = firstSet(env, [`OTEL_${signal}_EXPORTER`]) ?? ["", "otlp"]
  if (exporter === "none") return undefined
  const variable = firstSet(env, [`${prefix}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"])
  if (variable === undefined) return undefined
  const [name, address] = variable
  if (!exporter.split(",").some((each) => each.trim() === "otlp")) {
    warn(`${exporterName} is ${exporter}; jiji supports only otlp and none`)
    return undefined
  }
  if (!URL.canParse(address) || !/^https?:/u.test(address)) {
    warn(`${name} must be a URL that begins with http:// or https://`)
    return undefined
  }
  const url = new URL(address)
  if (name === "OTEL_EXPORTER_OTLP_ENDPOINT") {
    url.pathname = `${url.pathname.replace(/\/$/u, "")}/v1/${signal.toLowerCase()}`
  }
  const [protocolName, protocol] = firstSet(env, [`${prefix}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"]) ?? [
    "",
    "http/json"
  ]
  if (protocol !== "http/json" && protocol !== "http/protobuf") {
    warn(`${protocolName} is ${protocol}; jiji supports only http/json and http/protobuf`)
    return undefined
  }
  const headers = parsePairs(firstSet(env, [`${prefix}_HEADERS`, "OTEL_EXPORTER_OTLP_HEADERS"])?.[1] ?? "")
  return { url: url.toString(), headers, protocol }
}

/** Parses W3C's `traceparent`, which a CI system may set. */
const parseTraceparent = (text: string): ParentSpan | undefined => {
  const [, traceId = "", spanId = "", flags = ""] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/u.exec(text) ?? []
  if (/^0*$/u.test(traceId) || /^0*$/u.test(spanId)) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** Reads the variables. Returns undefined if they enable nothing. */
export const readSettings = (env: Environment): Settings | undefined => {
  if (env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true") return undefined
  const warnings = new Set<string>()
  const warn = (text: string) => void warnings.add(text)
  const traces = readEndpoint(env, "TRACES", warn)
  const metrics = readEndpoint(env, "METRICS", warn)
  if (traces === undefined && metrics === undefined && warnings.size === 0) return undefined
  const attributes = parsePairs(firstSet(env, ["OTEL_RESOURCE_ATTRIBUTES"])?.[1] ?? "")
  const parent = parseTraceparent(env["TRACEPARENT"]?.trim() ?? "")
  return {
    ...(traces !== undefined && { traces }),
    ...(metrics !== undefined && { metrics }),
    ...(parent !== undefined && { parent }),
    serviceName: firstSet(env, ["OTEL_SERVICE_NAME"])?.[1] ?? attributes["service.name"] ?? "jiji",
    attributes,
    warnings: [...warnings]
  }
}
