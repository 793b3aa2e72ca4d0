import { Effect, Option, Schema } from "effect"
import { Command } from "effect/cli"
import type { LocalRegistryConfig, Project, RemoteRegistryConfig } from "../../../config/Project.ts"
import * as EngineLogin from "../../../layers/docker/EngineLogin.ts"
import { LocalRegistry, type StoredTag } from "../../../layers/registry/LocalRegistry.ts"
import * as Catalog from "../../../layers/registry/Catalog.ts"
import { isLoopback } from "../../../layers/registry/Loopback.ts"
import * as Probe from "../../../layers/registry/Probe.ts"
import { containerName } from "../../../layers/registryContainer/RegistryContainer.ts"
import { defineError } from "../../../core/defineError.ts"
import { layout } from "../../../reporters/table.ts"
import { project } from "../../flags.ts"
import { open } from "../../loadProject.ts"
import type { RegistryLayers } from "./layers.ts"
import { printable } from "../../../core/text.ts"
import { bytes } from "../../../core/units.ts"

/** The project's remote registry does not answer this machine. */
export class RegistrySilent extends defineError<RegistrySilent>()("RegistrySilent", {
  fields: { url: Schema.String },
  message: (e) => `The registry does not answer at ${e.url}.`,
  remedy: (e) => `Check \`server\` under \`builder.registry\`, and the connection: curl --verbose ${e.url}`,
  exitCode: "unavailable",
  sample: { url: "https://registry.example.com/v2/" }
}) {}

interface Status {
  readonly lines: ReadonlyArray<string>
  /** Where the registry should answer and does not. */
  readonly silent?: string
}

/** The tags with as many columns as go into a width. */
const table = (tags: ReadonlyArray<StoredTag>, width: number): ReadonlyArray<string> => {
  if (tags.length === 0) return []
  const rows = tags.map(({ digest, repository, size, tag }) => [repository, tag, bytes(size), digest.slice(7, 19)])
  const lines = layout([["REPOSITORY", "TAG", "SIZE", "DIGEST"], ...rows])
  const fits = lines.every((line) => line.length <= width)
  return ["", ...(fits ? lines : layout([["REPOSITORY", "TAG", "SIZE"], ...rows.map((row) => row.slice(0, 3))]))]
}

const total = (tags: ReadonlyArray<StoredTag>, size: number): string => {
  if (tags.length === 0) return "It holds no images."
  const repositories = new Set(tags.map(({ repository }) => repository)).size
  const count = `${tags.length} ${tags.length === 1 ? "version" : "versions"} in ${repositories} ${repositories === 1 ? "repository" : "repositories"}`
  return `${count}, ${bytes(size)} in all`
}

const builtin = Effect.fnUntraced(function* ({ name }: Project, { port }: LocalRegistryConfig, width: number) {
  const registry = yield* LocalRegistry
  const { size, tags } = yield* registry.contents
  const url = `http://localhost:${port}/v2/`
  const answers = yield* Probe.answers(`http://127.0.0.1:${port}`)
  return [
    `The registry of ${name} is local, on port ${port}. jiji keeps it in ${yield* registry.folder}.`,
    answers
      ? `It answers at ${url} now.`
      : `It does not answer at ${url} now: a deploy opens it as long as it runs, \`jiji registry serve\` for longer.`,
    ...table(tags, width),
    "",
    total(tags, size)
  ]
})

const container = Effect.fnUntraced(function* ({ name }: Project, { port }: LocalRegistryConfig, width: number) {
  const url = `http://127.0.0.1:${port}`
  const said = yield* Catalog.list(url)
  const where = `The registry of ${name} is local, on port ${port}, in the container ${containerName}.`
  if (Option.isNone(said) || !(yield* Probe.answers(url))) {
    return [where, `It does not answer at ${url}/v2/ now: the next deploy starts it.`]
  }
  const tags = said.value
  const size = [...new Map(tags.map((tag) => [tag.digest, tag.size])).values()].reduce((a, b) => a + b, 0)
  return [where, `It answers at ${url}/v2/ now.`, ...table(tags, width), "", total(tags, size)]
})

const remote = Effect.fnUntraced(function* (
  { engine, name }: Project,
  { server }: RemoteRegistryConfig,
  dockerConfig: string
) {
  const host = server === "docker.io" || server === "index.docker.io" ? "registry-1.docker.io" : server
  const [secured, user] = yield* Effect.all(
    [Probe.status(`https://${host}`), EngineLogin.find(engine, server, dockerConfig)],
    { concurrency: 2 }
  )
  // As docker does, and podman does not.
  const mayBePlain = Option.isNone(secured) && engine === "docker" && isLoopback(host)
  const plain = mayBePlain ? yield* Probe.status(`http://${host}`) : Option.none<number>()
  const status = Option.orElse(secured, () => plain)
  const url = `http${Option.isSome(plain) ? "" : "s"}://${host}/v2/`
  const how = Option.isSome(plain) ? ", over plain HTTP, which docker takes from this machine alone (127.0.0.0/8)" : ""
  const lines = [
    `The registry of ${name} is ${server}.`,
    Option.isSome(status)
      ? `It answers at ${url}${how}${status.value === 401 ? ", and asks for a login" : ""}.`
      : `It does not answer at ${url}.`,
    Option.match(user, {
      onNone: () => `This machine's ${engine} is not logged in to it.`,
      onSome: (user) => `This machine's ${engine} is logged in to it as ${user}.`
    })
  ]
  const found: Status = Option.isSome(status) ? { lines } : { lines, silent: url }
  return found
})

/** `jiji registry status`. */
export const command = <R>({ dockerConfig, live, output }: RegistryLayers<R>) =>
  Command.make(
    "status",
    project,
    Effect.fnUntraced(function* (flags) {
      const loaded = yield* open(flags)
      const { registry } = loaded
      const { columns } = output
      const look = Effect.gen(function* () {
        if (registry.type === "remote") return yield* remote(loaded, registry, dockerConfig)
        // A local one answers while it is needed, and not in between.
        const lines = yield* registry.container === undefined
          ? builtin(loaded, registry, columns)
          : container(loaded, registry, columns)
        const found: Status = { lines }
        return found
      })
      const { lines, silent } = yield* Effect.provide(look, live(loaded))
      output.write(`${lines.map(printable).join("\n")}\n`)
      if (silent !== undefined) return yield* new RegistrySilent({ url: silent })
    })
  ).pipe(
    Command.withDescription("Show the project's registry: whether it answers, and what it holds or who is logged in")
  )
