import { Effect, Option, Schema } from "effect"
import { Command } from "effect/cli"
import { shortDigest } from "../../../config/ImageReference.ts"
import type { LocalRegistryConfig, Project, RemoteRegistryConfig } from "../../../config/Project.ts"
import * as EngineLogin from "../../../layers/docker/EngineLogin.ts"
import { LocalRegistry, type StoredTag } from "../../../layers/registry/LocalRegistry.ts"
import * as Catalog from "../../../layers/registry/Catalog.ts"
import { isLoopback } from "../../../layers/registry/Loopback.ts"
import * as Probe from "../../../layers/registry/Probe.ts"
import { containerName } from "../../../layers/registryContainer/RegistryContainer.ts"
import { defineError } from "../../../core/defineError.ts"
import { alignColumns } from "../../../reporters/table.ts"
import { projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { Terminal } from "../../process/Terminal.ts"
import { RunLayers } from "../../RunLayers.ts"
import { UserPaths } from "../../UserPaths.ts"
import { plural, printable } from "../../../core/text.ts"
import { formatBytes } from "../../../core/units.ts"

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
  /** The URL of a registry that should answer and does not. */
  readonly unreachable?: string
}

/** A table of the tags; without digests if they do not fit into the width. */
const table = (tags: ReadonlyArray<StoredTag>, width: number): ReadonlyArray<string> => {
  if (tags.length === 0) return []
  const rows = tags.map(({ digest, repository, size, tag }) => [
    repository,
    tag,
    formatBytes(size),
    shortDigest(digest)
  ])
  const lines = alignColumns([["REPOSITORY", "TAG", "SIZE", "DIGEST"], ...rows])
  const fits = lines.every((line) => line.length <= width)
  return ["", ...(fits ? lines : alignColumns([["REPOSITORY", "TAG", "SIZE"], ...rows.map((row) => row.slice(0, 3))]))]
}

const summary = (tags: ReadonlyArray<StoredTag>, size: number): string => {
  if (tags.length === 0) return "It has no images."
  const repositories = new Set(tags.map(({ repository }) => repository)).size
  const count = `${plural(tags.length, "version")} in ${repositories} ${repositories === 1 ? "repository" : "repositories"}`
  return `${count}, ${formatBytes(size)} in total`
}

const builtinStatus = Effect.fnUntraced(function* ({ name }: Project, { port }: LocalRegistryConfig, width: number) {
  const registry = yield* LocalRegistry
  const { size, tags } = yield* registry.contents
  const url = `http://localhost:${port}/v2/`
  const answers = yield* Probe.isReady(`http://127.0.0.1:${port}`)
  return [
    `The registry of ${name} is local, on port ${port}. Its images are in ${yield* registry.folder}.`,
    answers
      ? `It answers at ${url}.`
      : `It does not answer at ${url}. It is served during a deploy, and by \`jiji registry serve\`.`,
    ...table(tags, width),
    "",
    summary(tags, size)
  ]
})

/** Leaves out the images' second names, `PROJECT/SERVICE`. */
const withoutAliases = (tags: ReadonlyArray<StoredTag>): ReadonlyArray<StoredTag> => {
  const repositories = new Set(tags.map(({ repository }) => repository))
  return tags.filter(
    ({ repository }) => !/^[^/]+\/[^/]+$/.test(repository) || !repositories.has(repository.replace("/", "-"))
  )
}

const containerStatus = Effect.fnUntraced(function* ({ name }: Project, { port }: LocalRegistryConfig, width: number) {
  const url = `http://127.0.0.1:${port}`
  const tags = Option.map(yield* Catalog.list(url), withoutAliases)
  const where = `The registry of ${name} is local, on port ${port}, in the container ${containerName}.`
  if (Option.isNone(tags) || !(yield* Probe.isReady(url))) {
    return [where, `It does not answer at ${url}/v2/. The next deploy starts it.`]
  }
  const size = [...new Map(tags.value.map((tag) => [tag.digest, tag.size])).values()].reduce((a, b) => a + b, 0)
  return [where, `It answers at ${url}/v2/.`, ...table(tags.value, width), "", summary(tags.value, size)]
})

const remoteStatus = Effect.fnUntraced(function* (
  { engine, name }: Project,
  { server }: RemoteRegistryConfig,
  dockerConfig: string
) {
  const host = server === "docker.io" || server === "index.docker.io" ? "registry-1.docker.io" : server
  const [secured, user] = yield* Effect.all(
    [Probe.status(`https://${host}`), EngineLogin.findLogin(engine, server, dockerConfig)],
    { concurrency: 2 }
  )
  // docker falls back to plain HTTP on loopback; podman does not.
  const mayBePlain = Option.isNone(secured) && engine === "docker" && isLoopback(host)
  const plain = mayBePlain ? yield* Probe.status(`http://${host}`) : Option.none<number>()
  const status = Option.orElse(secured, () => plain)
  const url = `http${Option.isSome(plain) ? "" : "s"}://${host}/v2/`
  const insecure = Option.isSome(plain)
    ? ", over plain HTTP, which docker allows only on this machine (127.0.0.0/8)"
    : ""
  const lines = [
    `The registry of ${name} is ${server}.`,
    Option.isSome(status)
      ? `It answers at ${url}${insecure}${status.value === 401 ? ", and requires a login" : ""}.`
      : `It does not answer at ${url}.`,
    Option.match(user, {
      onNone: () => `${engine} on this machine is not logged in.`,
      onSome: (user) => `${engine} on this machine is logged in as ${user}.`
    })
  ]
  const found: Status = Option.isSome(status) ? { lines } : { lines, unreachable: url }
  return found
})

/** `jiji registry status`. */
export const command = Command.make(
  "status",
  projectFlags,
  Effect.fnUntraced(function* (flags) {
    const { live } = yield* RunLayers
    const { dockerConfig } = yield* UserPaths
    const { columns, write } = yield* Terminal
    const project = yield* loadProject(flags)
    const { registry } = project
    const look = Effect.gen(function* () {
      if (registry.type === "remote") return yield* remoteStatus(project, registry, dockerConfig)
      // A local registry runs only when it is needed, so not answering is fine.
      const lines = yield* registry.container === undefined
        ? builtinStatus(project, registry, columns)
        : containerStatus(project, registry, columns)
      const found: Status = { lines }
      return found
    })
    const { lines, unreachable } = yield* Effect.provide(look, live(project))
    write(`${lines.map(printable).join("\n")}\n`)
    if (unreachable !== undefined) return yield* new RegistrySilent({ url: unreachable })
  })
).pipe(Command.withDescription("Show whether the registry answers, and its images (local) or your login (remote)"))
