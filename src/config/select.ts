import { Effect, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { nearest } from "./suggest.ts"
import type { Project, Service } from "./Project.ts"
import { list } from "../core/text.ts"

/** A glob of `-H` or `-S` that no name fits. */
export class NoMatch extends defineError<NoMatch>()("NoMatch", {
  fields: {
    kind: Schema.Literals(["server", "service"]),
    globs: Schema.Array(Schema.String),
    names: Schema.Array(Schema.String)
  },
  message: (e) => {
    const globs = list(
      e.globs.map((glob) => `"${glob}"`),
      "or"
    )
    return `No ${e.kind} is called ${globs}; there ${e.names.length === 1 ? "is" : "are"} ${list(e.names)}.`
  },
  remedy: ({ globs, names, kind }) => {
    const near = globs.flatMap((glob) => nearest(glob, names) ?? [])
    const flag = kind === "server" ? "-H" : "-S"
    return near.length > 0
      ? `Did you mean \`${flag} ${near.join(",")}\`?`
      : `Give \`${flag}\` one of these names, or a pattern such as "*".`
  },
  exitCode: "usage",
  sample: { kind: "server", globs: ["db*"], names: ["web1", "web2"] }
}) {}

/** Both kinds were found, but no service that was asked for runs on a server that was asked for. */
export class NothingSelected extends defineError<NothingSelected>()("NothingSelected", {
  fields: { servers: Schema.Array(Schema.String), services: Schema.Array(Schema.String) },
  message: ({ services, servers }) => {
    const [one] = services
    const who = services.length === 1 ? `The service ${one} does not run` : `None of ${list(services)} runs`
    return `${who} on ${list(servers, "or")}, so nothing is left to do.`
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
