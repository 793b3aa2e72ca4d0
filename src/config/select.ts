import { Effect, Schema } from "effect"
import { ExitCode } from "../core/Failure.ts"
import { suggest } from "./suggest.ts"
import type { Project, Service } from "./Project.ts"
import { joinWords } from "../core/text.ts"

/** A glob of `-H` or `-S` matches no name. */
export class NoMatch extends Schema.TaggedError<NoMatch>()("NoMatch", {
  kind: Schema.Literals(["server", "service"]),
  globs: Schema.Array(Schema.String),
  names: Schema.Array(Schema.String)
}) {
  override get message() {
    const globs = joinWords(
      this.globs.map((glob) => `"${glob}"`),
      "or"
    )
    return `No ${this.kind} is called ${globs}; there ${this.names.length === 1 ? "is" : "are"} ${joinWords(this.names)}.`
  }
  get remedy() {
    const near = this.globs.flatMap((glob) => suggest(glob, this.names) ?? [])
    const flag = this.kind === "server" ? "-H" : "-S"
    return near.length > 0
      ? `Did you mean \`${flag} ${near.join(",")}\`?`
      : `Give \`${flag}\` one of these names, or a pattern such as "*".`
  }
  get exitCode() {
    return ExitCode.usage
  }
}

/** None of the selected services runs on a selected server. */
export class NothingSelected extends Schema.TaggedError<NothingSelected>()("NothingSelected", {
  servers: Schema.Array(Schema.String),
  services: Schema.Array(Schema.String)
}) {
  override get message() {
    const [one] = this.services
    const who =
      this.services.length === 1 ? `The service ${one} does not run` : `None of ${joinWords(this.services)} runs`
    return `${who} on ${joinWords(this.servers, "or")}, so nothing is left to do.`
  }
  get remedy() {
    return "Choose other names with `-H` and `-S`, or add the server to the service's `hosts`."
  }
  get exitCode() {
    return ExitCode.usage
  }
}

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
