import { Effect, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { nearest } from "./suggest.ts"
import type { Project, Service } from "./Project.ts"
import { list } from "../core/text.ts"

const names = Schema.Array(Schema.String)

/** No server or service matches a pattern of `-H` or `-S`. */
export class NoMatch extends defineError<NoMatch>()("NoMatch", {
  fields: { kind: Schema.Literals(["server", "service"]), globs: names, names },
  message: (e) => {
    const quoted = e.globs.map((glob) => `"${glob}"`)
    return `No ${e.kind} matches ${list(quoted, "or")}; deploy.yml has ${list(e.names)}.`
  },
  remedy: (e) => {
    const near = e.globs.flatMap((glob) => nearest(glob, e.names) ?? [])
    const flag = e.kind === "server" ? "-H" : "-S"
    return near.length > 0
      ? `Did you mean \`${flag} ${near.join(",")}\`?`
      : `Use one of these names with \`${flag}\`, or a pattern such as "*".`
  },
  exitCode: "usage",
  sample: { kind: "server", globs: ["db*"], names: ["web1", "web2"] }
}) {}

/** The selected services run on none of the selected servers. */
export class NothingSelected extends defineError<NothingSelected>()("NothingSelected", {
  fields: { servers: names, services: names },
  message: (e) => {
    const who =
      e.services.length === 1 ? `The service ${list(e.services)} does not run` : `None of ${list(e.services)} runs`
    return `${who} on ${list(e.servers, "or")}, so there is nothing to do.`
  },
  remedy: "Choose other names with `-H` and `-S`, or add the server to the service's `hosts`.",
  exitCode: "usage",
  sample: { servers: ["web2"], services: ["cache"] }
}) {}

const matches = (name: string) => (glob: string) => new Bun.Glob(glob).match(name)

/** The names that any glob fits; all of them where there are no globs. */
const choose = (kind: "server" | "service", names: ReadonlyArray<string>, globs: ReadonlyArray<string>) => {
  const unmatched = globs.filter((glob) => !names.some((name) => matches(name)(glob)))
  return unmatched.length > 0
    ? Effect.fail(new NoMatch({ kind, globs: unmatched, names }))
    : Effect.succeed(names.filter((name) => globs.length === 0 || globs.some(matches(name))))
}

/**
 * The part of a project on the servers and of the services that the globs name (no globs: all of them). Services that
 * run on none of the servers are left out, and so are servers that none of the services runs on.
 */
export const select = Effect.fnUntraced(function* (
  project: Project,
  globs: { readonly servers?: ReadonlyArray<string>; readonly services?: ReadonlyArray<string> }
): Effect.fn.Return<Project, NoMatch | NothingSelected> {
  const servers = yield* choose(
    "server",
    project.servers.map(({ name }) => name),
    globs.servers ?? []
  )
  const chosen = yield* choose(
    "service",
    project.services.map(({ name }) => name),
    globs.services ?? []
  )
  const services = project.services
    .filter(({ name }) => chosen.includes(name))
    .flatMap((service): ReadonlyArray<Service> => {
      const hosts = service.hosts.filter((host) => servers.includes(host))
      return hosts.length === 0 ? [] : [{ ...service, hosts }]
    })
  if (services.length === 0) return yield* new NothingSelected({ servers, services: chosen })
  const used = new Set(services.flatMap(({ hosts }) => hosts))
  return { ...project, services, servers: project.servers.filter(({ name }) => used.has(name)) }
})
