import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { type Cause, Data, Effect, Exit, Stream } from "effect"
import { Agent, type IncomingMessage, request as httpRequest } from "node:http"
import { Duplex } from "node:stream"
import { limitBytes, maxRead, maxScanned } from "../../processes/output.ts"
import type { RemoteSocket } from "../../ssh/SocketForward.ts"
import type { ConnectionLost } from "../../ssh/SshError.ts"

/** A request to an engine's API. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** The engine refused a request. */
export class ApiRefused extends Data.TaggedClass("ApiRefused")<{ readonly status: number; readonly message: string }> {}

/** The engine closed the connection, or sent something that is not HTTP. */
export class ApiBroken extends Data.TaggedClass("ApiBroken")<{ readonly reason: string }> {}

/** The engine sent a longer answer than any that makes sense. */
export class ApiTooLong extends Data.TaggedClass("ApiTooLong")<{ readonly bytes: number }> {}

export type ApiFailure = ApiRefused | ApiBroken | ApiTooLong

/** The longest message of a refusal, in bytes. */
const maxMessage = 64 * 1024

/** How many requests run at once on one server. Each uses a stream of its own, which later requests use again. */
const maxStreams = 6

/** How long to wait for the news that the SSH connection is lost, after a stream over it has ended. */
const lostTimeout = "100 millis"

/** How opening a stream failed, on its way through node's agent. */
class DialFailed<E> extends Error {
  readonly failure: Cause.Cause<E>
  constructor(failure: Cause.Cause<E>) {
    super("no stream")
    this.failure = failure
  }
}

/** Adds what node's agent expects of a network socket. */
const asSocket = (stream: Duplex): Duplex => {
  const ignore = () => stream
  return Object.assign(stream, {
    setKeepAlive: ignore,
    setNoDelay: ignore,
    setTimeout: ignore,
    ref: ignore,
    unref: ignore
  })
}

const broken = (error: unknown) => new ApiBroken({ reason: error instanceof Error ? error.message : String(error) })

/** The message of a refusal. Engines send it as JSON; a proxy in front of one may not. */
const messageOf = (text: string): string => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && "message" in value && typeof value.message === "string")
      return value.message
  } catch {
    // Not JSON.
  }
  return text.trim()
}

/** Makes a client of one engine's API. `dial` opens a stream to it. The scope closes all streams. */
export const make = <E>(dial: Effect.Effect<RemoteSocket, E>) =>
  Effect.gen(function* () {
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    let lost: Effect.Effect<never, ConnectionLost> = Effect.never

    class DialingAgent extends Agent {
      override createConnection(...[, callback]: Parameters<Agent["createConnection"]>): undefined {
        fork(dial).addObserver((exit) => {
          // After an error, nobody uses the stream.
          if (Exit.isFailure(exit)) return callback?.(new DialFailed(exit.cause), new Duplex())
          lost = exit.value.lost
          callback?.(null, asSocket(exit.value.stream))
        })
        return undefined
      }
    }
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new DialingAgent({ keepAlive: true, maxSockets: maxStreams })),
      (agent) => Effect.sync(() => agent.destroy())
    )

    /** Sends a request and returns the head of the answer. */
    const send = ({ headers, method, path, query }: ApiRequest) =>
      Effect.callback<IncomingMessage, ApiBroken | E>((resume) => {
        const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`
        const sent = httpRequest(
          { agent, method, path: `${path}${search}`, headers: { host: "docker", ...headers } },
          (answer) => resume(Effect.succeed(answer))
        )
        sent.on("error", (error) =>
          // Only this agent makes this error, of a failure of `dial`.
          resume(
            error instanceof DialFailed
              ? Effect.failCause((error as DialFailed<E>).failure)
              : Effect.fail(broken(error))
          )
        )
        sent.end()
        return Effect.sync(() => sent.destroy())
      })

    const bytesOf = (answer: IncomingMessage, max: number) =>
      limitBytes(
        NodeStream.fromReadable<Uint8Array, ApiBroken>({ evaluate: () => answer, onError: broken }),
        max,
        () => new ApiTooLong({ bytes: max })
      )

    const textOf = (answer: IncomingMessage, max: number) => Stream.mkString(Stream.decodeText(bytesOf(answer, max)))

    /** When the SSH connection is lost, a stream over it ends as if the engine had closed it. */
    const orLost = <A, F>(effect: Effect.Effect<A, F>): Effect.Effect<A, F | ConnectionLost> =>
      Effect.catchIf(
        effect,
        (error) => error instanceof ApiBroken,
        (error) => Effect.timeoutOrElse(lost, { duration: lostTimeout, orElse: () => Effect.fail(error) })
      )

    const open = (request: ApiRequest) =>
      Effect.flatMap(send(request), (answer) => {
        const status = answer.statusCode ?? 0
        return status < 400
          ? Effect.succeed(answer)
          : Effect.flatMap(textOf(answer, maxMessage), (text) =>
              Effect.fail(new ApiRefused({ status, message: messageOf(text) }))
            )
      })

    return {
      /** Sends a request and returns the whole answer. */
      text: (request: ApiRequest) => Effect.flatMap(open(request), (answer) => textOf(answer, maxRead)).pipe(orLost),
      /** Sends a request, and gives the answer to `read` as it arrives. */
      read: <A, F>(
        request: ApiRequest,
        read: (bytes: Stream.Stream<Uint8Array, ApiBroken | ApiTooLong>) => Effect.Effect<A, F>
      ) => Effect.flatMap(open(request), (answer) => read(bytesOf(answer, maxScanned))).pipe(orLost)
    }
  })
