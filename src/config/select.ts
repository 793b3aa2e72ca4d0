import { Effect, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { suggest } from "./suggest.ts"
import type { Project, Service } from "./Project.ts"
import { joinWords } from "../core/text.ts"

const names = Schema.Array(Schema.String)

/** No server or service matches a pattern of `-H` or `-S`. */
export class NoMatch extends defineError<NoMatch>()("NoMatch", {
  fields: { kind: Schema.Literals(["server", "service"]), globs: names, names },
  message: (e) => {
    const quoted = e.globs.map((glob) => `"${glob}"`)
    return `No ${e.kind} matches ${joinWords(quoted, "or")}; deploy.yml has ${joinWords(e.names)}.`
  },
  remedy: (e) => {
    const near = e.globs.flatMap((glob) => suggest(glob, e.names) ?? [])
    const flag = e.kind === "server" ? "-H" : "-S"
    return near.length > 0
      ? `Did you mean \`${[...new Set(near)].map((name) => `${flag} ${name}`).join(" ")}\`?`
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
      e.services.length === 1
        ? `The service ${joinWords(e.services)} does not run`
        : `None of ${joinWords(e.services)} runs`
    return `${who} on ${joinWords(e.servers, "or")}, so there is nothing to do.`
  },
  remedy: "Choose other names with `-H` and `-S`, or add the server to the service's `hosts`.",
  exitCode: "usage",
  sample: { servers: ["web2"], services: ["cache"] }
}) {}

const matches = (name: string) => (glob: string) => new Bun.Glob(glob).match(name)

/** Returns the names that match any glob, or all names if there are no globs. */
const choose = (kind: "server" | "service", names: ReadonlyArray<string>, globs: ReadonlyArray<string>) => {
  const unmatched = globs.filter((glob) => !names.some((name) => matches(name)(glob)))
  return unmatched.length > 0
    ? Effect.fail(new NoMatch({ kind, globs: unmatched, names }))
    : Effect.succeed(names.filter((name) => globs.length === 0 || globs.some(matches(name))))
}

/**
 * Returns the part of a project that matches the globs, as `-H` and `-S` do. No globs select everything. Services without a
 * selected server and servers without a selected service are left out.
 *
 * Fails with NoMatch if a glob matches no name, and with NothingSelected if no selected service runs on a selected server.
 */
export const select = Effect.fnUntraced(function* (
  project: Project,
  globs: { readonly servers?: ReadonlyArray<string>; readonly services?: ReadonlyArray<string> }
): Effect.fn.Return<Project, NoMatch | NothingSelected> {
  const servers = yield* choose(
    "server",
    [...project.servers.map(({ name }) => name), ...(project.unusedServers ?? [])],
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
