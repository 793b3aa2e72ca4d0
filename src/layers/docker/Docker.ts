import { Context, Duration, Effect, Layer, type Option, Redacted, Result, Semaphore, Stream } from "effect"
import * as ImageReference from "../../config/ImageReference.ts"
import type { BuildSource, Engine, Server } from "../../config/Project.ts"
import { type Command, type CommandFailed, type Limit } from "../processes/Command.ts"
import * as ServerApis from "./api/ServerApis.ts"
import type { ClientReason } from "./clientReasons.ts"
import { decodeImage, type InspectedContainer, type InspectedImage } from "./inspect.ts"
import { type Builder, builder } from "./builder/builder.ts"
import {
  type BuildAgentMissing,
  BuilderLacksTar,
  type BuilderUnable,
  PlatformNotBuilt
} from "./builder/BuilderError.ts"
import { checkBuilder, dependsOnBuilder, type Wanted } from "./builder/checkBuilder.ts"
import { check } from "./check/check.ts"
import type { ContainerNotReady } from "./control/ContainerNotReady.ts"
import { controlCommand, type Controlled, type ControlOptions, controlResult } from "./control/control.ts"
import { type Kept, keptContainers, labelLines } from "./kept/keptContainers.ts"
import { network, networkError, networkName, type ProjectNetwork } from "./network/network.ts"
import type { AddressTaken, NetworkError } from "./NetworkError.ts"
import { name as nameImage } from "./name/name.ts"
import { probe, type Probed } from "./probe/probe.ts"
import { logs, logsReader } from "./logs/logs.ts"
import type { LogFollow, LogQuery, TakeLogs } from "./logs/LogLine.ts"
import { prune, type Pruned, type PruneOptions, pruneWords } from "./prune/prune.ts"
import { pull } from "./pull/pull.ts"
import { push as pushing } from "./push/push.ts"
import { pushIndex } from "./pushIndex/pushIndex.ts"
import type { AgentNotForwarded } from "../ssh/AgentForward.ts"
import { buildCleanup, lackOf, remoteBuild, withFailingInput } from "./remoteBuild/remoteBuild.ts"
import type { ContextArchive } from "../context/archive.ts"
import type { ContextUnreadable } from "../context/ContextError.ts"
import { tidy } from "./tidy/tidy.ts"
import { lastLines } from "../../core/lines.ts"
import {
  answerLimit,
  buildLimit,
  cleanupLimit,
  loginLimit,
  releaseLimit,
  removeLimit,
  replaceLimit,
  saveLimit,
  transferLimit
} from "./limits.ts"
import { type Expected, remove, removeCommand, type Removed } from "./remove/remove.ts"
import { type FileToMount, filesToMount } from "./files.ts"
import { execIn, type ExecOptions } from "./exec/run.ts"
import type { ExecFailed, ProgramNotStarted } from "./exec/failure.ts"
import { release } from "./release/release.ts"
import { releaseReader, releaseResult } from "./release/result.ts"
import { replace, type Replaced, type Upstream, upstreamArgs } from "./replace/replace.ts"
import { containerBusy, removeResult, replaceResult } from "./replace/result.ts"
import { retryRegistry } from "./retryRegistry.ts"
import { parseUsage, type Usage } from "./usage.ts"
import { transferReader } from "./transfer.ts"
import { localUser } from "../ssh/localUser.ts"
import { hostname } from "node:os"
import * as words from "./words.ts"
import {
  BuildFailed,
  buildLostEngine,
  type ContainerBusy,
  type ContainerForeign,
  type ContainerNotStarted,
  type ContainerUnhealthy,
  EngineMissing,
  type NotSwitched,
  type EngineError,
  parseEngineError,
  EngineUnclear,
  type PortTaken,
  type ReleaseBusy,
  type ReleaseFailed
} from "./DockerError.ts"
import { label, local, type Machine, remote } from "../shell/Machine.ts"
import { CurrentRun, Events } from "../../core/Events.ts"
import * as Progress from "../../core/Progress.ts"
import type { Forward } from "../ssh/Ssh.ts"
import type { Session } from "../shell/session/runGuarded.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"

/** A server's engine, and the project's containers there. */
export interface ServerEngine {
  readonly name: Engine
  readonly version: string
  /** As in image platforms: `amd64`, `arm64`, … */
  readonly architecture: string
  readonly containers: ReadonlyArray<InspectedContainer>
  /** The version of docker's API that jiji uses. Absent if jiji uses the engine's client. */
  readonly api?: string
  /** Why jiji uses docker's client. */
  readonly apiUnusable?: ClientReason
}

export interface BuildOptions {
  readonly engine: Engine
  readonly service: string
  readonly source: BuildSource
  /** The name of the image. */
  readonly reference: ImageReference.ImageReference
  /** Such as `linux/arm64`. Default: the engine's own. */
  readonly platform?: string
  /** Whether it is one of several platforms. Then docker must build with BuildKit, which tells the Dockerfile about them. */
  readonly isOneOfSeveral?: boolean
  /** The values of the secrets that `source` names. */
  readonly secrets?: ReadonlyMap<string, Redacted.Redacted<string>>
  /** The server that builds, and the files that it gets. Default: this machine, which has them. */
  readonly remote?: { readonly server: Server; readonly files: ContextArchive }
}

/** How to log in to a registry. */
export interface Credentials {
  readonly server: string
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

export interface PushOptions {
  readonly engine: Engine
  readonly reference: ImageReference.ImageReference
  /** Used for this push only. Without them, the engine uses the user's own login. */
  readonly credentials?: Credentials
  /** False only for a registry on this machine's loopback. */
  readonly verify?: boolean
  /** The machine that has the image. Default: this machine. */
  readonly on?: Machine
}

export interface PushIndexOptions extends PushOptions {
  /** The images of the machine that the index has, one for each platform. */
  readonly images: ReadonlyArray<ImageReference.ImageReference>
}

export interface PullOptions {
  readonly engine: Engine
  readonly reference: ImageReference.ImageReference
  /** The name that the image runs under, if it is not the one it is pulled by. */
  readonly name?: ImageReference.ImageReference
  /** False only for a registry on the machine's own loopback. */
  readonly verify: boolean
  /** Removes the name that the image was pulled by. */
  readonly drop: boolean
  readonly credentials?: Credentials
  /** What the server reaches the registry through, and how many bytes are expected to go that way. */
  readonly tunnel?: Pick<Forward, "carried" | "lost"> & { readonly expectedBytes?: number }
}

export interface ReplaceOptions {
  readonly engine: Engine
  readonly project: string
  readonly service: string
  readonly name: string
  readonly digest: string
  /** For the container's labels: a hash of everything it is made from, except its image, and the hashes of the parts as JSON. */
  readonly configuration: { readonly hash: Redacted.Redacted<string>; readonly parts: Redacted.Redacted<string> }
  /** Labels with which nobody compares, and which may be long. Their values have one line. */
  readonly facts?: Readonly<Record<string, string>>
  /** Start `beside` the old container; after a `trial` without ports; or after a `stop` of the old one, whose data it shares. */
  readonly strategy: "beside" | "trial" | "stop"
  readonly runningFor: Duration.Duration
  readonly timeout: Duration.Duration
  /** The restart policy in deploy.yml; absent for the default. */
  readonly restart?: string
  /** The seconds that containers get to stop, if deploy.yml says so. Also for the old one. */
  readonly stopTimeout?: number
  /** The seconds that the old container gets otherwise, if it does not have the engine's default. */
  readonly oldStopTimeout?: number
  readonly imageId: string
  /** Whether there is an old container, as far as jiji knows. */
  readonly replaces: boolean
  /** How the proxy reaches the service. Absent if it is not behind the proxy. */
  readonly upstream?: Upstream
  readonly container: words.ContainerSpec
  /** Files that the container finds at `target`, read-only. */
  readonly files?: ReadonlyArray<FileToMount>
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
}

/** What runs before the containers of a service are replaced. */
export interface ReleaseOptions {
  readonly engine: Engine
  readonly project: string
  readonly service: string
  /** The name of its container. */
  readonly name: string
  readonly timeout: Duration.Duration
  /** Its ports, its alias and its address are not used. */
  readonly container: words.ContainerSpec
  readonly files?: ReadonlyArray<FileToMount>
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
}

export interface RemoveOptions extends Pick<ReplaceOptions, "engine" | "project" | "service" | "name"> {
  /** How the proxy reaches the replica that gets its requests. */
  readonly upstream?: Upstream
}

/** An image on a server, with the digest that its registry knows it by; the image's own id where there is none. */
export interface PulledImage extends InspectedImage {
  readonly digest: string
}

type LogArgs = Parameters<typeof logs.command>[0]

type OperationContext = Omit<Parameters<typeof parseEngineError>[0], "machine" | "hasRestarted">

/** Runs a container engine, on this machine and on servers. */
export class Docker extends Context.Service<
  Docker,
  {
    /** Finds a server's engine, and the project's containers there. */
    probe(server: Server, prefer: Engine, project: string): Effect.Effect<ServerEngine, EngineError | ShellError>
    /** Finds the project's containers again. Unlike {@link probe}, it keeps the connection to the API that others use. */
    containers(
      server: Server,
      options: { readonly engine: Engine; readonly project: string }
    ): Effect.Effect<ReadonlyArray<InspectedContainer>, EngineError | ShellError>
    /** Makes sure that a project's network exists on a server. */
    network(
      server: Server,
      options: { readonly engine: Engine; readonly project: string }
    ): Effect.Effect<ProjectNetwork, NetworkError | EngineError | ShellError>
    /** Builds an image on this machine, or on a server. */
    build(
      options: BuildOptions
    ): Effect.Effect<
      InspectedImage,
      | BuildFailed
      | BuilderUnable
      | BuilderLacksTar
      | BuildAgentMissing
      | AgentNotForwarded
      | ContextUnreadable
      | PlatformNotBuilt
      | EngineError
      | ShellError
    >
    /** Gives an image of a machine, by default this one, another name. Returns none if the machine does not have it. */
    name(
      engine: Engine,
      from: ImageReference.ImageReference,
      to: ImageReference.ImageReference,
      on?: Machine
    ): Effect.Effect<Option.Option<InspectedImage>, EngineError | ShellError>
    /** Checks that the engine of the machine that builds can do what a build asks of it. */
    checkBuilder(
      wanted: Wanted
    ): Effect.Effect<void, BuilderUnable | BuildAgentMissing | AgentNotForwarded | EngineError | ShellError>
    /** Streams an image of a machine, by default this one, as a tar archive. */
    save(
      engine: Engine,
      reference: ImageReference.ImageReference,
      on?: Machine
    ): Stream.Stream<Uint8Array, ShellError | CommandFailed>
    /** Logs a machine's engine in to a registry, until {@link logout}. */
    login(machine: Machine, engine: Engine, credentials: Credentials): Effect.Effect<void, EngineError | ShellError>
    /** Logs a machine's engine out of a registry. Returns whether it was logged in. */
    logout(machine: Machine, engine: Engine, server: string): Effect.Effect<boolean, EngineError | ShellError>
    /** Checks credentials with their registry, from this machine or another one. Does not change the machine's own login. */
    check(engine: Engine, credentials: Credentials, on?: Machine): Effect.Effect<void, EngineError | ShellError>
    /** Pushes an image of this machine or another one, and publishes its progress. Returns the digest that the registry knows it by. */
    push(options: PushOptions): Effect.Effect<string, EngineError | ShellError>
    /**
     * Pushes images of a machine, and an index that has them all. Returns the digest of the index. Docker also pushes
     * each image under its own name.
     */
    pushIndex(options: PushIndexOptions): Effect.Effect<string, EngineError | ShellError>
    /** Pulls an image onto a server, and publishes its progress. Fails at once if the tunnel it needs is lost. */
    pull(server: Server, options: PullOptions): Effect.Effect<PulledImage, EngineError | ShellError>
    /** Starts a new container, and removes the old one once the new one is healthy. */
    replace(
      server: Server,
      options: ReplaceOptions
    ): Effect.Effect<
      Replaced,
      | ContainerUnhealthy
      | NotSwitched
      | ContainerNotStarted
      | ContainerForeign
      | ContainerBusy
      | PortTaken
      | AddressTaken
      | EngineError
      | ShellError
    >
    /** Stops and removes the containers of a service on a server, and its volumes if it is to. */
    removeService(
      server: Server,
      options: {
        readonly engine: Engine
        readonly project: string
        readonly service: string
        /** The service's volumes in deploy.yml. Those that its containers mount are found. */
        readonly volumes: ReadonlyArray<string>
        readonly withVolumes: boolean
        /** Only for a rehearsal. */
        readonly expected?: Expected
      }
    ): Effect.Effect<Removed, ContainerBusy | EngineError | ShellError>
    /**
     * Runs the release command of a service in a container of its own, publishes its output, and removes the container
     * however it ends.
     */
    release(
      server: Server,
      options: ReleaseOptions
    ): Effect.Effect<void, ReleaseFailed | ReleaseBusy | ContainerForeign | EngineError | ShellError>
    /** Removes the container that an interrupted release has left, unless another deploy is running it. */
    removeRelease(
      server: Server,
      options: Pick<ReleaseOptions, "engine" | "project" | "service" | "name">
    ): Effect.Effect<void, EngineError | ShellError>
    /** Removes a container. If it is behind the proxy, another replica gets its requests first. */
    removeContainer(
      server: Server,
      options: RemoveOptions
    ): Effect.Effect<void, ContainerForeign | ContainerBusy | EngineError | ShellError>
    /** Starts, stops or restarts a container as it is. One that is stopped stays so after a reboot. */
    control(
      server: Server,
      options: ControlOptions
    ): Effect.Effect<
      Controlled,
      ContainerNotReady | ContainerForeign | ContainerBusy | PortTaken | EngineError | ShellError
    >
    /** Removes all but the newest images of a repository from a server, unless a container uses them. */
    removeOldImages(
      server: Server,
      options: { readonly engine: Engine; readonly repository: string; readonly retain: number }
    ): Effect.Effect<void, EngineError | ShellError>
    /** Runs a command in a container, connected to a session. Returns its exit code. */
    exec<E>(
      server: Server,
      options: ExecOptions,
      session: Session<E>
    ): Effect.Effect<number, ProgramNotStarted | ExecFailed | EngineError | ShellError | E>
    /** Finds an image of a server, and gives it a name if there is one. Returns none if the server does not have it. */
    findImage(
      server: Server,
      engine: Engine,
      from: string,
      name?: ImageReference.ImageReference
    ): Effect.Effect<Option.Option<InspectedImage>, EngineError | ShellError>
    /** Finds what nothing refers to on a server, and removes it if it is to. */
    prune(server: Server, options: PruneOptions): Effect.Effect<Pruned, EngineError | ShellError>
    /** What running containers use at the moment, by their id. Takes the engine about two seconds. */
    usage(
      server: Server,
      engine: Engine,
      ids: ReadonlyArray<string>
    ): Effect.Effect<ReadonlyMap<string, Usage>, EngineError | ShellError>
    /** Reads the logs of services' containers, in the order of their times. */
    logs(server: Server, engine: Engine, query: LogQuery, take: TakeLogs): Effect.Effect<void, EngineError | ShellError>
    /** Follows the logs of services' containers, also of those that start later. Lines are in order for each container. */
    followLogs(
      server: Server,
      engine: Engine,
      follow: LogFollow,
      take: TakeLogs
    ): Effect.Effect<void, EngineError | ShellError>
  } & Kept
>()("jiji/layers/docker/Docker") {
  static readonly layer = Layer.effect(
    Docker,
    Effect.gen(function* () {
      const shell = yield* Shell
      const events = yield* Events
      const retrying = retryRegistry(events)
      const apis = yield* ServerApis.make(events, shell)

      /** Runs a command, and turns a failed one into the error that the engine's output stands for. */
      const succeed = Effect.fnUntraced(function* (machine: Machine, command: Command, context: OperationContext) {
        const output = yield* shell.run(machine, command)
        if (output.exitCode !== 0) return yield* parseEngineError({ machine: label(machine), ...context }, output)
        return output
      })

      /** The same for `pull.sh` and `push.sh`, which also report about the engine. */
      const transfer = Effect.fnUntraced(function* (
        machine: Machine,
        command: Command & { readonly limit: Limit },
        context: OperationContext
      ) {
        const { onLine, reported } = reportReader(command.onLine)
        // Without a terminal, an engine may say nothing while it transfers a large layer.
        const limit = { ...command.limit, stretch: () => (reported("progress hidden") ? 6 : 1) }
        const output = yield* shell.run(machine, { ...command, onLine, limit })
        const about = { machine: label(machine), ...context, hasRestarted: reported("engine restarted") }
        if (output.exitCode !== 0) return yield* parseEngineError(about, output)
        return output
      })

      /**
       * Finds a frozen docker long before the limit of a long operation. Not for podman: it has no daemon, and its commands
       * may have to wait for each other.
       */
      const asking = (machine: Machine, engine: string): Pick<Limit, "ask"> => {
        if (engine === "podman") return {}
        const asked = shell.run(machine, { words: [engine, "version"], limit: answerLimit(engine) })
        return { ask: Effect.catch(asked, (error) => (error._tag === "CommandTimedOut" ? error : Effect.void)) }
      }

      const unclear = (machine: Machine, engine: string, operation: string) => (reason: unknown) =>
        new EngineUnclear({ machine: label(machine), engine, operation, reason })

      const runProbe = Effect.fnUntraced(function* (
        server: Server,
        values: { readonly engine: Engine; readonly project: string; readonly client: boolean }
      ) {
        const { engine } = values
        const command = { ...probe.command(values), limit: answerLimit(engine) }
        const { stdout } = yield* succeed(remote(server), command, { engine, operation: listContainers })
        return yield* Effect.mapError(probe.answer(stdout), unclear(remote(server), engine, listContainers))
      })

      // Services with the same source are built one after another, so that the engine's cache gives all of them the same
      // image. In parallel each would get its own, and the next deploy would replace some of them.
      const turns = new Map<string, Semaphore.Semaphore>()
      const turn = (key: string): Semaphore.Semaphore => {
        const semaphore = turns.get(key) ?? Semaphore.makeUnsafe(1)
        turns.set(key, semaphore)
        return semaphore
      }

      const inspect = Effect.fnUntraced(function* (
        machine: Machine,
        engine: Engine,
        reference: ImageReference.ImageReference
      ) {
        const name = ImageReference.print(reference)
        const operation = `inspect ${name}`
        const command = { words: words.inspectImage(engine, name), limit: answerLimit(engine) }
        const output = yield* succeed(machine, command, { engine, operation })
        return yield* Effect.mapError(decodeImage(output.stdout), unclear(machine, engine, operation))
      })

      const builders = new Map<string, Builder>()

      /** What builds images on a machine. Asked once, even if several images are built at the same time. */
      const findBuilder = (machine: Machine, engine: Engine) => {
        const key = `builder ${label(machine)} ${engine}`
        return turn(key).withPermits(1)(
          Effect.gen(function* () {
            const known = builders.get(key)
            if (known !== undefined) return known
            const operation = "show its version"
            const command = { ...builder.command({ engine }), limit: answerLimit(engine) }
            const { stdout } = yield* succeed(machine, command, { engine, operation })
            const found = yield* Effect.mapError(builder.answer(stdout), unclear(machine, engine, operation))
            builders.set(key, found)
            return found
          })
        )
      }

      /** What builds, if that matters. Fails if it cannot do what is asked of it. */
      const usableBuilder = Effect.fnUntraced(function* (wanted: Wanted) {
        if (!dependsOnBuilder(wanted)) return undefined
        const found = yield* findBuilder(wanted.on ?? local, wanted.engine)
        yield* checkBuilder(wanted, found)
        return found
      })

      /** Builds an image and describes it. */
      const buildOnce = Effect.fnUntraced(function* (
        { engine, isOneOfSeveral = false, platform, reference, remote: on, secrets, service, source }: BuildOptions,
        kind: Builder["kind"] | undefined,
        again: Pick<words.BuildWords, "noCache"> = {}
      ) {
        const machine = on === undefined ? local : remote(on.server)
        const name = ImageReference.print(reference)
        const values = (source.secrets ?? []).map((secret) => {
          const value = secrets?.get(secret)
          // The step that finds all secrets of a run comes first.
          if (value === undefined) throw new Error(`the secret ${secret} was not found before the build of ${service}`)
          return [words.buildSecretVariable(secret), value] as const
        })
        const wordsFor = (source: BuildSource) =>
          words.build({
            engine,
            source,
            reference: name,
            isOneOfSeveral,
            ...(platform !== undefined && { platform }),
            ...(kind !== undefined && { kind }),
            ...again
          })
        const agent = on !== undefined && source.ssh === true ? { SSH_AUTH_SOCK: agentSocket() } : undefined
        const command = {
          env: { ...(kind === "buildkit" && { DOCKER_BUILDKIT: "1" }), ...agent, ...Object.fromEntries(values) },
          limit: { ...buildLimit(engine, service), ...asking(machine, engine) },
          show: "all"
        } as const
        const output =
          on === undefined
            ? yield* shell.run(local, { ...command, words: wordsFor(source) })
            : yield* withFailingInput(on.files.bytes, (input) => {
                const { context, dockerfile } = on.files
                const build = remoteBuild.command({ engine }, wordsFor({ ...source, context, dockerfile }))
                const run = shell.run(machine, { ...command, ...build, input, cleanup: buildCleanup(service) })
                if (agent === undefined) return run
                const forwarded = shell.forwardAgent(on.server, agent.SSH_AUTH_SOCK)
                return Effect.scoped(Effect.andThen(forwarded, run))
              })
        if (output.exitCode !== 0) {
          const lack = on === undefined ? undefined : lackOf(output)
          if (lack === "tar") return yield* new BuilderLacksTar({ machine: label(machine) })
          if (lack === "engine") return yield* new EngineMissing({ machine: label(machine), engine })
          const error = parseEngineError(
            {
              machine: label(machine),
              engine,
              operation: `build ${service}`,
              reference: name,
              hasRestarted: buildLostEngine(output)
            },
            output
          )
          // Only these are certainly the engine's own. Others may come from a command in the Dockerfile.
          if (["EngineDown", "EngineRestarted", "EngineForbidden", "DiskFull"].includes(error._tag)) return yield* error
          const log = lastLines(`${output.stdout}${output.stderr}`)
          const builtOn = on === undefined ? {} : { machine: label(machine) }
          return yield* new BuildFailed({ service, ...builtOn, code: output.exitCode, log })
        }
        return yield* inspect(machine, engine, reference)
      })

      /** Pulls an image with the engine's client. */
      const pullByClient = Effect.fnUntraced(function* (
        machine: Machine,
        { credentials, drop, engine, name, reference, tunnel, verify }: PullOptions,
        report: (amount: Progress.Amount) => void
      ) {
        const pulled = ImageReference.print(reference)
        const context = { engine, operation: `pull ${pulled}`, reference: pulled, isOwn: credentials === undefined }
        const command = {
          ...pull.command({
            engine,
            from: pulled,
            name: name === undefined ? "" : ImageReference.print(name),
            verify,
            drop,
            progress: tunnel === undefined,
            ...loginArgs(credentials)
          }),
          env: loginEnv(credentials),
          show: "stderr" as const,
          limit: { ...transferLimit(engine, context.operation, tunnel?.carried), ...asking(machine, engine) },
          ...(tunnel === undefined && { onLine: transferReader(report) })
        }
        const { stdout } = yield* transfer(machine, command, context)
        return yield* Effect.mapError(pull.answer(stdout), unclear(machine, engine, context.operation))
      })

      /** Pulls an image with docker's API. */
      const pullByApi = Effect.fnUntraced(function* (
        api: ServerApis.ServerApi,
        { credentials, drop, engine, name, reference, tunnel }: PullOptions,
        report: (amount: Progress.Amount) => void
      ) {
        const pulled = ImageReference.print(reference)
        const limit = { ...transferLimit(engine, `pull ${pulled}`, tunnel?.carried), ask: api.ask }
        const isOwn = credentials === undefined
        yield* api.pull({ reference, name: pulled, limit, report, isOwn, ...(credentials && { credentials }) })
        const image = yield* api.image(pulled)
        if (name !== undefined) yield* api.tag(pulled, name)
        if (drop) yield* api.untag(pulled)
        return image
      })

      /** Reads logs with the engine's client. */
      const logsByClient = (
        server: Server,
        args: Partial<LogArgs> & Pick<LogArgs, "engine" | "project" | "services" | "follow">,
        from: ReadonlyMap<string, string>,
        take: TakeLogs
      ) => {
        const { engine } = args
        const machine = remote(server)
        const known = [...from].map(([id, time]) => `${id}=${time}`).join(" ")
        const command = logs.command({ tail: "", since: "", until: "", ...args, known })
        const read = logsReader(new Map(from))
        return shell.bytes(machine, command).pipe(
          Stream.runForEach((piece) => take(read(piece))),
          Effect.catchTag("CommandFailed", ({ code, stderr }) => {
            const context = { machine: label(machine), engine, operation: "read logs" }
            return Effect.fail(parseEngineError(context, { stdout: "", stderr, exitCode: code }))
          })
        )
      }
      const push = Effect.fnUntraced(function* ({ engine, on = local, reference, credentials, verify }: PushOptions) {
        const name = ImageReference.print(reference)
        const operation = `push ${name}`
        const { progress, report } = Progress.reported("pushed")
        const command = {
          ...pushing.command({ engine, image: name, insecure: verify === false, ...loginArgs(credentials) }),
          env: loginEnv(credentials),
          show: engine === "podman" ? ("stderr" as const) : ("all" as const),
          onLine: transferReader(report),
          limit: { ...transferLimit(engine, operation), ...asking(on, engine) }
        }
        const context = { engine, operation, reference: name, isOwn: credentials === undefined }
        const { stdout } = yield* Progress.during(events, progress, transfer(on, command, context))
        const printed = yield* pushing.answer(stdout)
        if (printed !== undefined) return printed
        const { repoDigests } = yield* inspect(on, engine, reference)
        const found = digestIn(repoDigests, reference)
        if (found === undefined) return yield* unclear(on, engine, operation)("no digest after the push")
        return found
      }, retrying)

      return Docker.of({
        exec: (server, options, session) => execIn(shell, server, options, session),

        usage: Effect.fnUntraced(function* (server, engine, ids) {
          const [first, ...others] = ids
          if (first === undefined) return new Map()
          const operation = "measure containers"
          const command = { words: words.usage(engine, [first, ...others]), limit: answerLimit(engine, operation) }
          const { stdout } = yield* succeed(remote(server), command, { engine, operation })
          return parseUsage(stdout, ids)
        }),

        logs: (server, engine, query, take) => {
          const api = apis.get(server)
          if (api !== undefined) return api.logs(query, take)
          const { project, services, since = "", tail, until = "" } = query
          const limits = { tail: tail === undefined ? "" : `${tail}`, since, until }
          const args = { engine, project, services: services.join(" "), follow: false, ...limits }
          return logsByClient(server, args, new Map(), take)
        },

        followLogs: (server, engine, { from, project, services }, take) => {
          const api = apis.get(server)
          if (api !== undefined) return api.followLogs({ from, project, services }, take)
          return logsByClient(server, { engine, project, services: services.join(" "), follow: true }, from, take)
        },

        containers: Effect.fnUntraced(function* (server, { engine, project }) {
          const api = apis.get(server)
          if (api !== undefined) return yield* api.containers(project)
          const found = yield* runProbe(server, { engine, project, client: true })
          if (found._tag === "Api") return yield* unclear(remote(server), engine, listContainers)("no containers")
          return found.containers
        }),

        probe: Effect.fnUntraced(function* (server, prefer, project) {
          const machine = remote(server)
          const find = ({ client }: { readonly client: boolean }) =>
            runProbe(server, { engine: prefer, project, client })
          const byClient = (found: Probed, reason?: ClientReason): Effect.Effect<ServerEngine, EngineError> => {
            if (found._tag === "Api") return unclear(machine, prefer, listContainers)("no containers")
            const { architecture, containers, engine: name, version } = found
            const apiUnusable = reason ?? found.reason
            return Effect.succeed({
              name,
              version,
              architecture,
              containers,
              ...(apiUnusable !== undefined && { apiUnusable })
            })
          }
          const found = yield* find({ client: false })
          if (found._tag === "Client") return yield* Effect.andThen(apis.forget(server), byClient(found))
          const daemonNow = Effect.map(Effect.option(find({ client: false })), (now) =>
            now._tag === "Some" && now.value._tag === "Api" ? now.value.daemon : undefined
          )
          const api = yield* apis.connect(server, found, daemonNow)
          if (typeof api === "string") return yield* byClient(yield* find({ client: true }), api)
          const { architecture } = found
          const containers = yield* api.containers(project)
          return { name: "docker", version: api.version, architecture, containers, api: api.apiVersion }
        }),

        network: Effect.fnUntraced(function* (server, { engine, project }) {
          const name = networkName(project)
          const api = apis.get(server)
          const found = api === undefined ? undefined : yield* api.subnet(project, name)
          if (found !== undefined) return { name, subnet: found }
          const operation = `create the network ${name}`
          const command = { ...network.command({ engine, project, name }), limit: answerLimit(engine, operation) }
          const output = yield* shell.run(remote(server), command)
          if (output.exitCode !== 0) return yield* networkError(server.name, engine, name, output)
          const subnet = yield* Effect.mapError(
            network.answer(output.stdout),
            unclear(remote(server), engine, operation)
          )
          return { name, subnet }
        }),

        build: Effect.fnUntraced(function* (options) {
          const { engine, platform, service, source } = options
          const on = options.remote === undefined ? local : remote(options.remote.server)
          const kind = (yield* usableBuilder({ ...options, on }))?.kind
          const isFor = ({ architecture }: InspectedImage) =>
            platform === undefined || architecture === platform.split("/")[1]
          const build = Effect.gen(function* () {
            const image = yield* buildOnce(options, kind)
            if (isFor(image)) return image
            // Without a base image, the caches of podman and of docker's old builder mistake one platform for another.
            return yield* buildOnce(options, kind, { noCache: true })
          })
          const image = yield* turn(JSON.stringify([label(on), engine, source, platform])).withPermits(1)(build)
          if (isFor(image)) return image
          const built = image.architecture
          return yield* new PlatformNotBuilt({ service, engine, platform: platform ?? "", built })
        }),

        name: Effect.fnUntraced(function* (engine, from, to, on = local) {
          const [source, target] = [ImageReference.print(from), ImageReference.print(to)]
          const operation = `tag ${source}`
          const command = nameImage.command({ engine, from: source, to: target })
          const { stdout } = yield* succeed(
            on,
            { ...command, limit: answerLimit(engine, operation) },
            { engine, operation }
          )
          return yield* Effect.mapError(nameImage.answer(stdout), unclear(on, engine, operation))
        }),

        ...keptContainers({ apis, succeed, unclear }),

        findImage: Effect.fnUntraced(function* (server, engine, from, name) {
          const api = apis.get(server)
          if (api !== undefined) return yield* api.findImage(from, name)
          const operation = `inspect ${from}`
          const to = name === undefined ? "" : ImageReference.print(name)
          const command = { ...nameImage.command({ engine, from, to }), limit: answerLimit(engine, operation) }
          const { stdout } = yield* succeed(remote(server), command, { engine, operation })
          return yield* Effect.mapError(nameImage.answer(stdout), unclear(remote(server), engine, operation))
        }),

        checkBuilder: Effect.fnUntraced(function* (wanted) {
          const { on = local, source } = wanted
          yield* usableBuilder(wanted)
          if (on._tag === "Local" || source.ssh !== true) return
          yield* Effect.scoped(shell.forwardAgent(on.server, agentSocket()))
        }),

        save: (engine, reference, on = local) => {
          const name = ImageReference.print(reference)
          const limit = { ...saveLimit(engine, name), ...asking(on, engine) }
          return shell.bytes(on, { words: words.save(engine, name), limit })
        },

        login: Effect.fnUntraced(function* (machine, engine, { server, username, password }) {
          const operation = `log in to ${server}`
          const limit = loginLimit(engine, operation)
          const command = { words: words.login(engine, server, username), stdin: password, limit }
          yield* succeed(machine, command, { engine, operation, reference: server })
        }, retrying),

        logout: Effect.fnUntraced(function* (machine, engine, server) {
          const limit = loginLimit(engine, `log out of ${server}`)
          const output = yield* shell.run(machine, { words: words.logout(engine, server), limit })
          if (/not logged in/i.test(output.stdout + output.stderr)) return false
          if (output.exitCode === 0) return true
          return yield* parseEngineError({ machine: label(machine), engine, operation: `log out of ${server}` }, output)
        }),

        check: Effect.fnUntraced(function* (engine, credentials, on = local) {
          const { server } = credentials
          const operation = `log in to ${server}`
          const command = {
            ...check.command({ engine, ...loginArgs(credentials) }),
            env: loginEnv(credentials),
            limit: answerLimit(engine, operation)
          }
          yield* succeed(on, command, { engine, operation, reference: server })
        }, retrying),

        push,

        pushIndex: Effect.fnUntraced(function* ({ images, ...options }) {
          const { credentials, engine, on = local, reference, verify } = options
          const name = ImageReference.print(reference)
          const operation = `push ${name}`
          // Podman pushes the images with the index.
          if (engine !== "podman") {
            yield* Effect.forEach(images, (image) => push({ ...options, reference: image }), { discard: true })
          }
          const names = images.map(ImageReference.print)
          const login = loginArgs(credentials)
          const command = {
            ...pushIndex.command({ engine, image: name, insecure: verify === false, ...login }, names),
            env: loginEnv(credentials),
            show: "stderr" as const,
            limit: { ...transferLimit(engine, operation), ...asking(on, engine) }
          }
          const context = { engine, operation, reference: name, isOwn: credentials === undefined }
          const { stdout } = yield* retrying(succeed(on, command, context))
          return yield* Effect.mapError(pushIndex.answer(stdout), unclear(on, engine, operation))
        }),

        pull: Effect.fnUntraced(function* (server, options) {
          const { credentials, reference, tunnel } = options
          const api = apis.get(server)
          const usesApi =
            api !== undefined &&
            (credentials !== undefined || ImageReference.isOnLoopback(reference) || !api.place.hasLogins)
          const pulling = Effect.suspend(() => {
            const { progress, report } = Progress.reported("pulled")
            const pull = usesApi ? pullByApi(api, options, report) : pullByClient(remote(server), options, report)
            // The tunnel counts its own bytes.
            return tunnel === undefined ? Progress.during(events, progress, pull) : pull
          })
          // A tunnel leads to this machine, where retrying does not help.
          const attempts = ImageReference.isOnLoopback(reference) ? pulling : retrying(pulling)
          const image = yield* tunnel === undefined ? attempts : through(events, tunnel, attempts)
          // Without its own repository, a registry that podman has found for a short name.
          const digest = digestIn(image.repoDigests, reference) ?? digestIn(image.repoDigests)
          return { ...image, digest: digest ?? image.id }
        }),

        replace: Effect.fnUntraced(function* (server, options) {
          const { container, engine, secrets } = options
          const exclusive = words.exclusiveWords(engine, container)
          const files = filesToMount(options.files ?? [])
          const spec = { ...container, options: [...files.words, ...(container.options ?? [])] }
          const command = replace.command(
            {
              engine,
              name: options.name,
              project: options.project,
              service: options.service,
              digest: options.digest,
              strategy: options.strategy,
              settle: Duration.toSeconds(options.runningFor),
              limit: Math.ceil(Duration.toSeconds(options.timeout)),
              image: container.image,
              id: options.imageId,
              restart: options.restart ?? "",
              stop_timeout: options.stopTimeout === undefined ? "" : String(options.stopTimeout),
              mounts: files.folder,
              modes: files.modes,
              exclusive: exclusive.length,
              ...upstreamArgs(options.upstream)
            },
            [...exclusive, ...words.createWords(spec, [...secrets.keys()])],
            options.replaces
          )
          const env = {
            JIJI_NAMES: [...secrets.keys()].join(" "),
            JIJI_CONFIG: options.configuration.hash,
            JIJI_PARTS: options.configuration.parts,
            JIJI_LABELS: Redacted.make(labelLines(options.facts ?? {})),
            ...runVariables(yield* CurrentRun),
            ...secretValues(secrets)
          }
          const { oldStopTimeout = 0, runningFor, stopTimeout = oldStopTimeout, timeout } = options
          const drain = options.upstream?.drain ?? Duration.zero
          const stage = stageReader(options.service, Duration.sum(drain, cleanupLimit(stopTimeout)))
          const times = { runningFor, timeout, stopTimeout, drain }
          const limit = { ...replaceLimit(engine, options.service, times), ...asking(remote(server), engine) }
          const stdin = files.stdin === undefined ? {} : { stdin: files.stdin }
          const run = {
            ...command,
            ...stdin,
            env,
            show: "stderr",
            onLine: stage.onLine,
            cleanup: stage,
            limit
          } as const
          const output = yield* shell.run(remote(server), run)
          return yield* replaceResult(server.name, options, output)
        }),

        removeService: Effect.fnUntraced(function* (server, options) {
          const { engine, expected, project, service, volumes, withVolumes } = options
          const operation = `remove the containers of ${service}`
          const command = {
            ...removeCommand({ engine, project, service, volumes: withVolumes }, volumes, expected),
            env: runVariables(yield* CurrentRun),
            show: "stderr" as const,
            limit: { ...removeLimit(engine, service), ...asking(remote(server), engine) }
          }
          const output = yield* shell.run(remote(server), command)
          const busy = containerBusy(server.name, output)
          if (busy !== undefined) return yield* busy
          if (output.exitCode !== 0) return yield* parseEngineError({ machine: server.name, engine, operation }, output)
          return yield* remove.answer(output.stdout)
        }),

        release: Effect.fnUntraced(function* (server, options) {
          const { container, engine, name, project, secrets, service, timeout } = options
          const limit = Math.ceil(Duration.toSeconds(timeout))
          const files = filesToMount(options.files ?? [])
          const spec = { ...container, options: [...files.words, ...(container.options ?? [])] }
          const create = words.createWords(spec, [...secrets.keys()])
          const reader = releaseReader()
          const run = {
            ...release.command(
              { engine, name, project, service, limit, mounts: files.folder, modes: files.modes, run: true },
              create
            ),
            ...(files.stdin !== undefined && { stdin: files.stdin }),
            env: { JIJI_NAMES: [...secrets.keys()].join(" "), ...secretValues(secrets) },
            show: "all",
            onLine: reader.onLine,
            cleanup: {
              // The command gets ten seconds to stop before the engine kills it.
              timeout: Duration.seconds(30),
              text: () => (reader.reported() === "running" ? `stopping the release command of ${service}` : undefined)
            },
            limit: { ...releaseLimit(engine, service, timeout), ...asking(remote(server), engine) }
          } as const
          const output = yield* shell.run(remote(server), run)
          yield* releaseResult(server.name, options, reader, output)
        }),

        removeRelease: Effect.fnUntraced(function* (server, { engine, name, project, service }) {
          const command = release.command({
            engine,
            name,
            project,
            service,
            limit: 0,
            mounts: "",
            modes: "",
            run: false
          })
          const operation = "remove a container"
          const limit = answerLimit(engine, operation)
          yield* succeed(remote(server), { ...command, limit }, { engine, operation })
        }),

        removeContainer: Effect.fnUntraced(function* (server, options) {
          const { engine, name, project, service, upstream } = options
          const command = replace.command(
            {
              engine,
              name,
              project,
              service,
              strategy: "remove",
              digest: "",
              image: "",
              id: "",
              settle: 0,
              limit: 0,
              restart: "",
              stop_timeout: "",
              mounts: "",
              modes: "",
              exclusive: 0,
              ...upstreamArgs(upstream)
            },
            [],
            true
          )
          const drain = upstream?.drain ?? Duration.zero
          const noWait = { runningFor: Duration.zero, timeout: Duration.zero, drain }
          const limit = { ...replaceLimit(engine, service, noWait), ...asking(remote(server), engine) }
          const stage = stageReader(service, Duration.sum(drain, cleanupLimit(0)))
          const env = { JIJI_CONFIG: "", ...runVariables(yield* CurrentRun) }
          const run = { ...command, env, show: "stderr", onLine: stage.onLine, cleanup: stage, limit } as const
          const output = yield* shell.run(remote(server), run)
          yield* removeResult(server.name, options, output)
        }),

        prune: Effect.fnUntraced(function* (server, options) {
          const { engine, project, remove } = options
          const operation = remove ? "remove old images" : "list images"
          const limit = { ...removeLimit(engine, project), waitingFor: `${engine} to ${operation}` }
          const command = { ...prune.command({ engine, project, remove }, pruneWords(options)), limit }
          const output = yield* succeed(remote(server), { ...command, show: "stderr" }, { engine, operation })
          return yield* prune.answer(output.stdout)
        }),

        control: Effect.fnUntraced(function* (server, options) {
          const { engine, runningFor, service, stopTimeout = 0, timeout, upstream } = options
          const drain = upstream?.drain ?? Duration.zero
          const times = { runningFor, timeout, stopTimeout, drain }
          const limit = { ...replaceLimit(engine, service, times), ...asking(remote(server), engine) }
          const stage = stageReader(service, Duration.sum(drain, cleanupLimit(stopTimeout)))
          const env = { JIJI_CONFIG: "", ...runVariables(yield* CurrentRun) }
          const how = { env, show: "stderr", onLine: stage.onLine, cleanup: stage, limit } as const
          const output = yield* shell.run(remote(server), { ...controlCommand(options), ...how })
          return yield* controlResult(server.name, options, output)
        }),

        removeOldImages: Effect.fnUntraced(function* (server, { engine, repository, retain }) {
          const api = apis.get(server)
          if (api !== undefined) return yield* api.removeOldImages(repository, retain)
          const command = { ...tidy.command({ engine, repository, retain }), limit: answerLimit(engine, "list images") }
          yield* shell.run(remote(server), { ...command, show: "stderr" })
        })
      })
    })
  )
}

/** The digest in the first of an image's `REPOSITORY@DIGEST` names, or in that of one repository. */
/** A new path for the socket on a server that leads to the agent of this machine. remote-build.sh removes what is left there. */
const agentSocket = (): string => `/tmp/jiji-agent-${crypto.randomUUID()}`

const digestIn = (repoDigests: ReadonlyArray<string>, repository?: ImageReference.ImageReference): string | undefined =>
  repoDigests
    .map((name) => Result.getOrUndefined(ImageReference.parse(name)))
    .find(
      (name) => name !== undefined && (repository === undefined || ImageReference.isSameRepository(name, repository))
    )?.digest

/** Pulls through a tunnel. By itself the engine notices only after a long time that the tunnel is gone. */
const through = <A, E, R>(
  events: Events["Service"],
  { carried, expectedBytes: total, lost }: NonNullable<PullOptions["tunnel"]>,
  pull: Effect.Effect<A, E, R>
) =>
  Effect.flatMap(carried, (before) => {
    const amount = Effect.map(carried, (bytes) => ({ bytes: bytes - before, ...(total !== undefined && { total }) }))
    return Progress.during(events, { label: "through the tunnel", amount }, Effect.raceFirst(pull, lost))
  })

/** The arguments of a script that logs in. */
const loginArgs = (credentials: Credentials | undefined): { readonly registry: string; readonly user: string } =>
  credentials === undefined
    ? { registry: "", user: "" }
    : { registry: words.loginServer(credentials.server), user: credentials.username }

const loginEnv = (credentials: Credentials | undefined): NonNullable<Command["env"]> =>
  credentials === undefined ? {} : { JIJI_PASSWORD: credentials.password }

/** The values of a container's secrets, in the environment of a script. */
const secretValues = (secrets: ReadonlyMap<string, Redacted.Redacted<string>>): NonNullable<Command["env"]> =>
  Object.fromEntries([...secrets.values()].map((value, index) => [`JIJI_SECRET_${index}`, value] as const))

/** Drops the lines with which `pull.sh` and `push.sh` report about the engine, and remembers them. */
const reportReader = (onLine: Command["onLine"] = (line) => line) => {
  const seen = new Set<string>()
  return {
    reported: (what: "progress hidden" | "engine restarted") => seen.has(what),
    onLine: (line: string) => {
      const what = /^jiji (progress hidden|engine restarted)$/.exec(line)?.[1]
      if (what === undefined) return onLine(line)
      seen.add(what)
      return undefined
    }
  }
}

/** Follows the stages of `replace.sh`, from which it cleans up in different ways when jiji stops it. */
const stageReader = (service: string, timeout: Duration.Duration) => {
  let stage = ""
  return {
    onLine: (line: string) => {
      const name = /^jiji stage (\w+)$/.exec(line)?.[1]
      if (name === undefined) return line
      stage = name
      return undefined
    },
    timeout,
    text: () => {
      switch (stage) {
        case "trial":
        case "next":
          return `removing the new container of ${service}`
        case "switch":
          return `putting the old container of ${service} back`
        case "drain":
          return `waiting for the requests of the old container of ${service}`
        case "requests":
          return `waiting for the requests of ${service}`
        case "restart":
          return `restarting ${service}`
        case "stop":
          return `stopping ${service}`
        case "tidy":
          return `removing the old container of ${service}`
        default:
          return undefined
      }
    }
  }
}

/** Who deploys: for others that wait, and for the container's labels. One line each, whatever the names contain. */
const listContainers = "list containers"

const runVariables = (run: string): NonNullable<Command["env"]> => {
  const [user, machine] = [localUser(), hostname()].map((name) => name.replace(/\p{Cc}+/gu, " "))
  return {
    JIJI_RUN: `${run === "" ? "a run" : `run ${run}`} by ${user} on ${machine}`,
    JIJI_RUN_ID: run,
    JIJI_BY: `${user}@${machine}`
  }
}
