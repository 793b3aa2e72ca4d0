import { Context, Duration, Effect, Layer, Redacted, Semaphore, type Stream } from "effect"
import type { BuildSource, Engine, Server } from "../config/Project.ts"
import { type Command, type CommandFailed, type Output, script, type ShellError } from "./Command.ts"
import probeScript from "./docker/probe.sh" with { type: "text" }
import pullScript from "./docker/pull.sh" with { type: "text" }
import pushScript from "./docker/push.sh" with { type: "text" }
import replaceScript from "./docker/replace.sh" with { type: "text" }
import { decodeContainers, decodeImage, type InspectedContainer, type InspectedImage } from "./docker/inspect.ts"
import * as words from "./docker/words.ts"
import {
  BuildFailed,
  ContainerForeign,
  ContainerUnhealthy,
  type EngineError,
  engineError,
  EngineUnclear,
  lastLines,
  PortTaken
} from "./DockerError.ts"
import { label, local, type Machine, remote } from "./Machine.ts"
import { Shell } from "./Shell.ts"

/** The engine that answers on a server, and the project's containers there. */
export interface ServerEngine {
  readonly name: Engine
  readonly version: string
  /** As images call it: `amd64`, `arm64`, … */
  readonly architecture: string
  readonly containers: ReadonlyArray<InspectedContainer>
}

export interface BuildOptions {
  readonly engine: Engine
  readonly service: string
  readonly source: BuildSource
  /** The name that the image is given. */
  readonly reference: string
  /** `linux/arm64` for one; the engine's own where absent. */
  readonly platform?: string
}

/** A registry and who one is to it. */
export interface Credentials {
  readonly server: string
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

export interface PullOptions {
  readonly engine: Engine
  readonly reference: string
  /** The name that the image is run under, where that is another one than it is pulled by. */
  readonly name?: string
  /** False only for a registry on the machine's own loopback. */
  readonly verify: boolean
  /** Takes the name away that the image was pulled by. */
  readonly drop: boolean
  readonly credentials?: Credentials
}

export interface ReplaceOptions {
  readonly engine: Engine
  readonly project: string
  readonly service: string
  readonly name: string
  readonly digest: string
  /** A hash of everything but the image that the container is made from. */
  readonly config: string
  /** `beside` the old one; after a `trial` without ports; or after a `stop` of the old one, whose data it shares. */
  readonly how: "beside" | "trial" | "stop"
  readonly runningFor: Duration.Duration
  readonly timeout: Duration.Duration
  readonly imageId: string
  readonly repository: string
  readonly retain: number
  readonly container: words.ContainerSpec
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
}

/** What was done about a container, and its id. */
export interface Replaced {
  readonly outcome: "started" | "unchanged"
  readonly id: string
}

/** Operations of a container engine, on this machine and on servers. */
export class Docker extends Context.Service<
  Docker,
  {
    /** Finds the engine of a server, and the containers of a project there. */
    probe(server: Server, prefer: Engine, project: string): Effect.Effect<ServerEngine, EngineError | ShellError>
    /** Builds an image on this machine. */
    build(options: BuildOptions): Effect.Effect<InspectedImage, BuildFailed | EngineError | ShellError>
    /** An image of this machine as an archive. */
    save(engine: Engine, reference: string): Stream.Stream<Uint8Array, ShellError | CommandFailed>
    /** Logs this machine in to a registry. */
    login(engine: Engine, credentials: Credentials): Effect.Effect<void, EngineError | ShellError>
    /** Pushes an image of this machine; answers the digest that the registry knows it by. */
    push(engine: Engine, reference: string): Effect.Effect<string, EngineError | ShellError>
    /** Pulls an image onto a server. */
    pull(server: Server, options: PullOptions): Effect.Effect<InspectedImage, EngineError | ShellError>
    /** Puts a new container in the place of the old one, once it is healthy. */
    replace(
      server: Server,
      options: ReplaceOptions
    ): Effect.Effect<Replaced, ContainerUnhealthy | ContainerForeign | PortTaken | EngineError | ShellError>
  }
>()("jiji/layers/Docker") {
  static readonly layer = Layer.effect(
    Docker,
    Effect.gen(function* () {
      const shell = yield* Shell

      /** Runs to exit code 0, or fails with the error that the engine's words stand for. */
      const succeed = Effect.fnUntraced(function* (
        machine: Machine,
        command: Command,
        context: { readonly engine: string; readonly operation: string; readonly reference?: string }
      ) {
        const output = yield* shell.run(machine, command)
        if (output.exitCode !== 0) return yield* engineError({ machine: label(machine), ...context }, output)
        return output
      })

      const unclear = (machine: Machine, engine: string, operation: string) => (reason: unknown) =>
        new EngineUnclear({ machine: label(machine), engine, operation, reason })

      // Services that are built from the same source take turns, so that the engine's cache gives all of them one image:
      // side by side each would get its own, and the next deploy another one of these.
      const turns = new Map<string, Semaphore.Semaphore>()
      const turn = (key: string): Semaphore.Semaphore => {
        const semaphore = turns.get(key) ?? Semaphore.makeUnsafe(1)
        turns.set(key, semaphore)
        return semaphore
      }

      const inspect = Effect.fnUntraced(function* (engine: Engine, reference: string) {
        const operation = `inspect ${reference}`
        const output = yield* succeed(local, { words: words.inspectImage(engine, reference) }, { engine, operation })
        return yield* Effect.mapError(decodeImage(output.stdout), unclear(local, engine, operation))
      })

      return Docker.of({
        probe: Effect.fnUntraced(function* (server, prefer, project) {
          const machine = remote(server)
          const context = { engine: prefer, operation: "list containers" }
          const { stdout } = yield* succeed(machine, script("probe", probeScript, [prefer, project]), context)
          const end = stdout.indexOf("\n")
          const [engine = "", version = "", processor = ""] = stdout.slice(0, end).split(" ")
          const containers = yield* Effect.mapError(
            decodeContainers(stdout.slice(end + 1)),
            unclear(machine, prefer, context.operation)
          )
          return {
            name: engine === "podman" ? "podman" : "docker",
            version,
            architecture: architectures[processor] ?? processor,
            containers
          }
        }),

        build: Effect.fnUntraced(function* ({ engine, service, source, reference, platform }) {
          const run = shell.run(local, { words: words.build(engine, source, reference, platform), show: "all" })
          const output = yield* turn(JSON.stringify([engine, source, platform])).withPermits(1)(run)
          if (output.exitCode !== 0) {
            const error = engineError({ machine: "local", engine, operation: `build ${service}`, reference }, output)
            // These are the engine's own; all others may be quoted from what the Dockerfile runs, as its exit code is.
            if (["EngineDown", "EngineForbidden", "DiskFull"].includes(error._tag)) return yield* error
            const log = lastLines(`${output.stdout}${output.stderr}`)
            return yield* new BuildFailed({ service, code: output.exitCode, log })
          }
          return yield* inspect(engine, reference)
        }),

        save: (engine, reference) => shell.bytes(local, { words: words.save(engine, reference) }),

        login: Effect.fnUntraced(function* (engine, { server, username, password }) {
          const operation = `log in to ${server}`
          const command = { words: words.login(engine, server, username), stdin: password }
          yield* succeed(local, command, { engine, operation, reference: server })
        }),

        push: Effect.fnUntraced(function* (engine, reference) {
          const operation = `push ${reference}`
          const command: Command =
            engine === "podman"
              ? { ...script("push", pushScript, [reference]), show: "stderr" }
              : { words: words.push(reference), show: "all" }
          const { stdout } = yield* succeed(local, command, { engine, operation, reference })
          const printed = /(?:^|digest: )(sha256:[0-9a-f]{64})\b/m.exec(stdout)?.[1]
          if (printed !== undefined) return printed
          const { repoDigests } = yield* inspect(engine, reference)
          const prefix = `${reference.slice(0, reference.lastIndexOf(":"))}@`
          const found = repoDigests.find((name) => name.startsWith(prefix))
          if (found === undefined) return yield* unclear(local, engine, operation)("no digest after the push")
          return found.slice(prefix.length)
        }),

        pull: Effect.fnUntraced(function* (server, { engine, reference, name, verify, drop, credentials }) {
          const machine = remote(server)
          const context = { engine, operation: `pull ${reference}`, reference }
          const command = script("pull", pullScript, [
            engine,
            reference,
            name ?? "",
            String(verify),
            drop ? "yes" : "no",
            credentials?.server ?? "",
            credentials?.username ?? ""
          ])
          const env = credentials === undefined ? {} : { JIJI_PASSWORD: credentials.password }
          const { stdout } = yield* succeed(machine, { ...command, env, show: "stderr" }, context)
          return yield* Effect.mapError(decodeImage(stdout), unclear(machine, engine, context.operation))
        }),

        replace: Effect.fnUntraced(function* (server, options) {
          const { container, engine, secrets } = options
          const ports = words.portWords(container.ports)
          const command = script("replace", replaceScript, [
            engine,
            options.name,
            options.project,
            options.digest,
            options.config,
            options.how,
            String(Duration.toSeconds(options.runningFor)),
            String(Math.ceil(Duration.toSeconds(options.timeout))),
            container.image,
            options.imageId,
            options.repository,
            String(options.retain),
            String(ports.length),
            ...ports,
            ...words.createWords(container, [...secrets.keys()])
          ])
          const values = [...secrets.values()].map((value, index) => [`JIJI_SECRET_${index}`, value] as const)
          const env = { JIJI_NAMES: [...secrets.keys()].join(" "), ...Object.fromEntries(values) }
          const output = yield* shell.run(remote(server), { ...command, env, show: "stderr" })
          return yield* replaced(server, options, output)
        })
      })
    })
  )
}

/** How images call the processors that `uname -m` names. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  aarch64: "arm64",
  armv7l: "arm",
  i686: "386"
}

/** What the script's end says: its exit code, and the word that its output begins with. */
const replaced = Effect.fnUntraced(function* (server: Server, { engine, service }: ReplaceOptions, output: Output) {
  const [line = "", ...rest] = output.stdout.split("\n")
  const [word = "", ...detail] = line.split(" ")
  const about = { server: server.name, service }
  if (output.exitCode === 0 && (word === "started" || word === "unchanged")) {
    return { outcome: word, id: detail.join(" ") } as const
  }
  if (word === "unhealthy") {
    return yield* new ContainerUnhealthy({ ...about, reason: detail.join(" "), log: rest.join("\n").trimEnd() })
  }
  if (word === "foreign") return yield* new ContainerForeign({ server: server.name, engine, name: detail.join(" ") })
  if (/port is already allocated|address already in use/i.test(output.stderr)) {
    return yield* new PortTaken({ ...about, detail: lastLines(output.stderr, 3).trim() })
  }
  const operation = `replace the container of ${service}`
  return yield* engineError({ machine: server.name, engine, operation }, output)
})
