import { Schema } from "effect"
import { shortDigest } from "../config/ImageReference.ts"
import { joinWords, printable } from "../core/text.ts"
import { formatBytes } from "../core/units.ts"
import { holderText } from "../layers/lock/Holder.ts"
import { type ContainerStatus, PsReport, type ServerStatus, type ServiceStatus } from "../steps/PsPipeline.ts"
import type { Output } from "./Reporter.ts"
import { alignColumns } from "./table.ts"
import { painter, type Style, truncate, wrap } from "./text.ts"

type Column =
  | "SERVER"
  | "SERVICE"
  | "VERSION"
  | "DIGEST"
  | "STATE"
  | "UP"
  | "RESTARTS"
  | "PORTS"
  | "CPU"
  | "MEMORY"
  | "DEPLOYED"
  | "BY"
  | "RUN"

/** A container, or a service without one. */
interface Row {
  readonly server: string
  readonly service: string
  readonly state: string
  readonly container?: ContainerStatus
  /** Under which names the proxy serves it. */
  readonly hosts?: ReadonlyArray<string>
}

/** How long something takes or is ago, in its largest unit: `12 s`, `5 min`, `3 h`, `2 d`. */
export const formatAge = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

const stateOf = ({ exitCode, health, state }: ContainerStatus): string => {
  if (state === "running") return health === undefined ? state : `${state}, ${health}`
  return exitCode === undefined ? state : `${state} (${exitCode})`
}

/** `web`, `web-2`, or `web-next` for a container that a deploy is about to switch to. */
const instanceOf = (project: string, { name, service }: ContainerStatus): string =>
  name.startsWith(`${project}-${service}`) ? name.slice(project.length + 1) : name

const age = (time: string | undefined, now: number): string =>
  time === undefined ? "" : formatAge(now - Date.parse(time))

/** The text of each column. The server's clock may differ from this machine's, so ages are approximate. */
const cells = (now: number): Readonly<Record<Column, (row: Row) => string>> => ({
  SERVER: ({ server }) => server,
  SERVICE: ({ service }) => service,
  VERSION: ({ container }) => container?.version ?? "",
  DIGEST: ({ container }) => shortDigest(container?.digest ?? ""),
  STATE: ({ state }) => state,
  UP: ({ container }) => (container?.state === "running" ? age(container.startedAt, now) : ""),
  RESTARTS: ({ container }) => (container?.restarts === undefined ? "" : `${container.restarts}`),
  PORTS: ({ container, hosts = [] }) => [...(container?.ports ?? []), ...hosts].join(", "),
  CPU: ({ container }) => (container?.cpu === undefined ? "" : `${container.cpu.toFixed(1)} %`),
  MEMORY: ({ container }) => (container?.memory === undefined ? "" : formatBytes(container.memory)),
  DEPLOYED: ({ container }) => (container?.created === undefined ? "" : `${age(container.created, now)} ago`),
  BY: ({ container }) => container?.by ?? "",
  RUN: ({ container }) => container?.run ?? ""
})

/** The sets of columns to choose from, the widest first. */
const columnSets = (stats: ReadonlyArray<Column>): ReadonlyArray<ReadonlyArray<Column>> => [
  ["SERVER", "SERVICE", "VERSION", "DIGEST", "STATE", "UP", "RESTARTS", "PORTS", ...stats, "DEPLOYED", "BY", "RUN"],
  ["SERVER", "SERVICE", "VERSION", "STATE", "UP", "RESTARTS", "PORTS", ...stats, "DEPLOYED", "BY"],
  ["SERVER", "SERVICE", "VERSION", "STATE", "UP", "RESTARTS", "PORTS", ...stats],
  ["SERVER", "SERVICE", "VERSION", "STATE", "UP", ...stats],
  ["SERVER", "SERVICE", "STATE", ...stats],
  ["SERVER", "SERVICE", "STATE"]
]

const rowsOf = (project: string, { error, name: server, services, unknown }: ServerStatus): ReadonlyArray<Row> => {
  if (error !== undefined) return [{ server, service: "", state: "not reached" }]
  const row = (container: ContainerStatus, hosts?: ReadonlyArray<string>): Row => ({
    ...(hosts && { hosts }),
    server,
    service: instanceOf(project, container),
    state: stateOf(container),
    container
  })
  const own = services.flatMap(({ containers, hosts, name }): ReadonlyArray<Row> =>
    containers.length === 0
      ? [{ server, service: name, state: "not deployed" }]
      : containers.map((container) => row(container, hosts))
  )
  return [...own, ...unknown.map((container) => row(container))]
}

const styleOf = (state: string): Style | undefined => {
  if (/^running(?:, healthy)?$/.test(state)) return "green"
  return /starting|restarting|paused/.test(state) ? "yellow" : "red"
}

/** Differences that the table shows as the state. */
const states = new Set(["stopped", "restarting", "paused", "unhealthy"])

/** What the table itself does not say of a service. */
const noteOf = (server: string, { containers, differs, name }: ServiceStatus): ReadonlyArray<string> => {
  const rest = differs.filter((each) => !states.has(each))
  return containers.length === 0 || rest.length === 0
    ? []
    : [`${name} on ${server} differs from deploy.yml: ${rest.join("; ")}. To update it: jiji deploy`]
}

const unknownNote = ({ engine = "docker", name: server, unknown }: ServerStatus): ReadonlyArray<string> =>
  unknown.map(({ name, removable, service, state }) => {
    const remove = removable ? `jiji remove ${service} -H ${server}` : `${engine.split(" ")[0]} rm --force ${name}`
    return `${name} is ${state} on ${server} but is not in deploy.yml for this server. To remove it: ${remove}`
  })

/** Who holds the lock, as a sentence with the servers on which they do. */
const lockNotes = ({ project, servers }: PsReport): ReadonlyArray<string> => {
  const held = servers.flatMap(({ locks = [], name }) => locks.map((lock) => ({ lock, name })))
  const byLock = Map.groupBy(held, ({ lock: { kind, machine, run, user } }) =>
    JSON.stringify([kind, machine, run, user])
  )
  return [...byLock.values()].flatMap((all) =>
    all.slice(0, 1).map(({ lock: { kind, since, until, ...said } }) => {
      const where = joinWords(all.map(({ name }) => name))
      const times = { since: Date.parse(since), ...(until !== undefined && { until: Date.parse(until) }) }
      if (kind === "run") return holderText(project, where, { ...said, ...times, kind })
      return `${holderText(project, where, { ...said, ...times, kind: "mark" })}. To end the lock: jiji unlock`
    })
  )
}

/** Which services the proxy answers with 503. */
const maintenanceNotes = ({ servers }: PsReport): ReadonlyArray<string> => {
  const found = servers.flatMap(({ name: server, services }) =>
    services.flatMap(({ maintenance, name }) => (maintenance === true ? [{ server, name }] : []))
  )
  return [...Map.groupBy(found, ({ name }) => name)].map(([name, all]) => {
    const where = joinWords(all.map(({ server }) => server))
    return `${name} is in maintenance on ${where}: the proxy answers 503. To end it: jiji maintenance off`
  })
}

/** Formats a report as a table with as many columns as fit, and notes below it. */
export const psLines = (
  report: PsReport,
  now: number,
  output: Pick<Output, "columns" | "colors">
): ReadonlyArray<string> => {
  const { project, servers } = report
  const paint = painter(output.colors)
  const rows = servers.flatMap((server) => rowsOf(project, server))
  const cell = cells(now)
  const hasStats = rows.some(({ container }) => container?.memory !== undefined)
  const tables = columnSets(hasStats ? ["CPU", "MEMORY"] : []).map((columns) => ({
    columns,
    lines: alignColumns([columns, ...rows.map((row) => columns.map((column) => printable(cell[column](row)) || "-"))])
  }))
  const table =
    tables.find(({ lines }) => lines.every((line) => Bun.stringWidth(line) <= output.columns)) ?? tables.at(-1)
  const [head = "", ...body] = (table?.lines ?? []).map((line) => truncate(line, output.columns))
  // Colored afterwards, since the columns are aligned by the number of characters.
  const colored = body.map((line, index) => {
    const state = rows[index]?.state ?? ""
    const style = styleOf(state)
    return style === undefined ? line : line.replace(state, () => paint(style, state))
  })
  const notes = [
    ...lockNotes(report),
    ...maintenanceNotes(report),
    ...servers.flatMap((server) => [
      ...server.services.flatMap((service) => noteOf(server.name, service)),
      ...unknownNote(server)
    ])
  ]
  return [
    paint("bold", head),
    ...colored,
    ...(notes.length === 0 ? [] : ["", ...notes.flatMap((note) => wrap(note, output.columns))])
  ]
}

const encode = Schema.encodeSync(PsReport)

/** Formats a report as JSON. */
export const psJson = (report: PsReport): object => encode(report)
