import { Effect, Exit, type Option, Redacted, type Schema, Scope } from "effect"
import type { ImageReference } from "../../../config/ImageReference.ts"
import type { Server } from "../../../config/Project.ts"
import type { Events } from "../../../core/Events.ts"
import type { Amount } from "../../../core/Progress.ts"
import { type CommandTimedOut, type Limit, OutputTooLong } from "../../processes/Command.ts"
import { enforceLimit } from "../../processes/limit.ts"
import { linePublisher } from "../../processes/output.ts"
import type { Shell, ShellError } from "../../shell/Shell.ts"
import type { SocketRefused } from "../../ssh/SocketForward.ts"
import { type EngineError, EngineRestarted, EngineUnclear, parseEngineError } from "../DockerError.ts"
import type { ClientReason } from "../clientReasons.ts"
import type { InspectedContainer, InspectedImage } from "../inspect.ts"
import type { KeptContainer, KeptOptions } from "../kept/keptContainers.ts"
import { answerLimit } from "../limits.ts"
import type { LogFollow, LogQuery, TakeLogs } from "../logs/LogLine.ts"
import type { ApiPlace } from "../probe/probe.ts"
import { type ApiUnusable, connect, type EngineApi } from "./EngineApi.ts"
import type { ApiFailure } from "./http.ts"
import { followAll, readInOrder } from "./logs.ts"

const engine = "docker"

const readLogs = { operation: "read logs" }

type RequestError = ApiFailure | SocketRefused | Schema.SchemaError | ShellError

/** What an operation is called in errors, and the reference that it is about. */
interface Context {
  readonly operation: string
  readonly reference?: string
  /** Whether no credentials from deploy.yml are used. */
  readonly isOwn?: boolean
  /** Whether docker stopped or restarted meanwhile. */
  readonly hasRestarted?: boolean
}

/** How a failed request is reported: in the same way as a failed command of docker's client. */
const engineError =
  (machine: string, context: Context) =>
  (error: RequestError): EngineError | ShellError => {
    const { operation } = context
    switch (error._tag) {
      case "ApiRefused": {
        // The client adds this to the text of a refusal, but not to that of a message.
        const prefix = error.status === 200 ? "" : "Error response from daemon: "
        const stderr = `${prefix}${error.message}\n`
        return parseEngineError({ machine, engine, ...context }, { stdout: "", stderr, exitCode: 1 })
      }
      case "ApiClosed":
        return new EngineRestarted({ machine, engine, operation, detail: "it closed the connection" })
      case "ApiGarbled":
        return new EngineUnclear({ machine, engine, operation, reason: error.reason })
      case "ApiTooLong":
        return new OutputTooLong({ machine, program: engine, bytes: error.bytes, operation })
      case "SocketRefused": {
        // It accepted a connection before.
        const detail = `nothing accepts connections on ${error.path}`
        return new EngineRestarted({ machine, engine, operation, detail })
      }
      case "SchemaError":
        return new EngineUnclear({ machine, engine, operation, reason: error })
      default:
        return error
    }
  }

type Unusable = ApiUnusable | ApiFailure | SocketRefused | Schema.SchemaError

const isUnusable = (error: ApiUnusable | RequestError): error is Unusable =>
  ["ApiUnusable", "ApiRefused", "ApiClosed", "ApiGarbled", "ApiTooLong", "SocketRefused", "SchemaError"].includes(
    error._tag
  )

/** Why jiji cannot use the API of a server. If docker does not run there, its client fails, too, and says that instead. */
const reasonOf = (error: Unusable): ClientReason => {
  switch (error._tag) {
    case "ApiUnusable":
      return error.reason
    case "SocketRefused":
      return "forwarding"
    default:
      return "answer"
  }
}

export interface ApiPull {
  readonly reference: ImageReference
  /** The reference as text. */
  readonly name: string
  readonly credentials?: {
    readonly server: string
    readonly username: string
    readonly password: Redacted.Redacted<string>
  }
  readonly limit: Limit
  readonly report: (amount: Amount) => void
  readonly isOwn: boolean
}

/** Docker's API on one server. */
export interface ServerApi {
  readonly version: string
  readonly apiVersion: string
  readonly place: ApiPlace
  /** The containers of a project, running or not. */
  containers(project: string): Effect.Effect<ReadonlyArray<InspectedContainer>, EngineError | ShellError>
  /** The containers that hold the versions of a project. */
  kept(project: string): Effect.Effect<ReadonlyArray<KeptContainer>, EngineError | ShellError>
  /** Creates one of them, unless there is one of this name. */
  keep(options: Pick<KeptOptions, "name" | "imageId" | "labels">): Effect.Effect<void, EngineError | ShellError>
  dropKept(id: string): Effect.Effect<void, EngineError | ShellError>
  /** The subnet of a project's network; undefined if there is no such network, or not one that jiji created. */
  subnet(project: string, network: string): Effect.Effect<string | undefined, EngineError | ShellError>
  /** Pulls an image, and publishes what docker says. */
  pull(options: ApiPull): Effect.Effect<void, EngineError | ShellError>
  image(name: string): Effect.Effect<InspectedImage, EngineError | ShellError>
  tag(name: string, as: ImageReference): Effect.Effect<void, EngineError | ShellError>
  /** Finds an image, and gives it a name if there is one. Returns none if there is no such image. */
  findImage(
    from: string,
    name: ImageReference | undefined
  ): Effect.Effect<Option.Option<InspectedImage>, EngineError | ShellError>
  /** Removes a name of an image, if docker lets it. */
  untag(name: string): Effect.Effect<void>
  /** Removes all but the newest images of a repository, if docker lets it. */
  removeOldImages(repository: string, retain: number): Effect.Effect<void, EngineError | ShellError>
  /** Reads logs, in the order of their times. */
  logs(query: LogQuery, take: TakeLogs): Effect.Effect<void, EngineError | ShellError>
  /** Follows logs, also those of containers that start later. Ends only by a failure. */
  followLogs(follow: LogFollow, take: TakeLogs): Effect.Effect<never, EngineError | ShellError>
  /** Fails if docker does not answer at all. */
  readonly ask: Effect.Effect<void, CommandTimedOut>
}

const operations = (
  events: Events["Service"],
  server: Server,
  place: ApiPlace,
  api: EngineApi,
  /** Whether docker has restarted since it was found. */
  hasRestarted: Effect.Effect<boolean>
): ServerApi => {
  const machine = server.name
  const within = (limit: Limit) => enforceLimit(events, machine, { words: [engine], limit })
  const answer = within(answerLimit(engine))
  const question = <A, E extends RequestError>(context: Context, request: Effect.Effect<A, E>) =>
    Effect.mapError(answer.during(request), engineError(machine, context))
  const untag = (name: string) => Effect.ignore(answer.during(api.removeImage(name)))
  return {
    version: api.version,
    apiVersion: api.apiVersion,
    place,
    containers: (project) => question({ operation: "list containers" }, api.containers(project)),
    subnet: (project, network) =>
      question({ operation: `inspect the network ${network}` }, api.subnet(project, network)),
    image: (name) => question({ operation: `inspect ${name}`, reference: name }, api.image(name)),
    tag: (name, as) => question({ operation: `tag ${name}`, reference: name }, api.tag(name, as)),
    findImage: (from, name) =>
      question(
        { operation: `inspect ${from}`, reference: from },
        Effect.catchIf(
          Effect.asSome(Effect.tap(api.image(from), () => (name === undefined ? Effect.void : api.tag(from, name)))),
          (error) => error._tag === "ApiRefused" && error.status === 404,
          () => Effect.succeedNone
        )
      ),
    kept: (project) => question({ operation: "list versions" }, api.kept(project)),
    keep: (options) => question({ operation: "keep a version" }, api.keep(options)),
    dropKept: (id) => question({ operation: "remove an old version" }, api.dropKept(id)),
    untag,
    removeOldImages: Effect.fnUntraced(function* (repository, retain) {
      const images = yield* question({ operation: "list images" }, api.images(repository))
      const names = images.slice(retain).flatMap((image) => image.names)
      // Docker refuses to remove an image that a container uses.
      yield* Effect.forEach(names, untag, { discard: true })
    }),
    // Without a limit: how long it takes depends on who reads.
    logs: (query, take) => Effect.mapError(readInOrder(api, query, take), engineError(machine, readLogs)),
    followLogs: (follow, take) => Effect.mapError(followAll(api, follow, take), engineError(machine, readLogs)),
    ask: Effect.catch(answer.during(api.ping), (error) => (error._tag === "CommandTimedOut" ? error : Effect.void)),
    pull: Effect.fnUntraced(function* ({ credentials, isOwn, limit, name, reference, report }) {
      const during = within(limit)
      const show = linePublisher((stream: "stderr", line: string) =>
        events.publish({ _tag: "StepOutput", machine, stream, line })
      )
      const pulling = api.pull({
        reference,
        report,
        onMessage: during.onOutput,
        onLines: (lines) => show("stderr", lines),
        ...(credentials !== undefined && {
          credentials: { ...credentials, password: Redacted.value(credentials.password) }
        })
      })
      const context = { operation: `pull ${name}`, reference: name, isOwn }
      const isDown = Effect.isFailure(answer.during(api.ping))
      const isLost = Effect.flatMap(isDown, (down) => (down ? Effect.succeed(true) : hasRestarted))
      yield* Effect.catch(during.during(pulling), (error) =>
        Effect.flatMap(error._tag === "ApiRefused" ? isLost : Effect.succeed(false), (hasRestarted) =>
          Effect.fail(engineError(machine, { ...context, hasRestarted })(error))
        )
      )
    })
  }
}

/** Connects to the APIs of servers' engines. Connections stay open until the scope closes. */
export const make = (events: Events["Service"], shell: Shell["Service"]) =>
  Effect.map(Effect.scope, (parent) => {
    const all = new Map<string, { readonly api: ServerApi; readonly scope: Scope.Closeable }>()
    /** Closes the connections to the API of a server. */
    const forget = (server: Server) =>
      Effect.suspend(() => {
        const before = all.get(server.name)
        all.delete(server.name)
        return before === undefined ? Effect.void : Scope.close(before.scope, Exit.void)
      })
    return {
      forget,
      /** The API of a server that was found before. */
      get: (server: Server): ServerApi | undefined => all.get(server.name)?.api,
      /** Connects to the API of a server. Returns why jiji cannot use it otherwise. */
      connect: Effect.fnUntraced(function* (
        server: Server,
        place: ApiPlace,
        /** Undefined if docker is not there. */
        daemonNow: Effect.Effect<string | undefined>
      ): Effect.fn.Return<ServerApi | ClientReason, ShellError> {
        yield* forget(server)
        const scope = yield* Scope.fork(parent)
        const limit = enforceLimit(events, server.name, { words: [engine], limit: answerLimit(engine) })
        return yield* limit.during(connect(shell, server, place.socket)).pipe(
          Scope.provide(scope),
          Effect.map((api) => {
            const hasRestarted = Effect.map(daemonNow, (now) => now !== place.daemon)
            const found = operations(events, server, place, api, hasRestarted)
            all.set(server.name, { api: found, scope })
            return found
          }),
          Effect.onError(() => Scope.close(scope, Exit.void)),
          Effect.catchIf(isUnusable, (error) => Effect.succeed(reasonOf(error)))
        )
      })
    }
  })
