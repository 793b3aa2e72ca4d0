import * as NodeStream from "@effect/platform-node-shared/NodeStream"
import { type Cause, Data, Effect, Exit, Semaphore, Stream } from "effect"
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http"
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
  /** Sent as JSON. */
  readonly body?: object
  /** Sending it twice does no harm. True for any GET or DELETE. */
  readonly isRepeatable?: boolean
}

/** The engine refused a request. */
export class ApiRefused extends Data.TaggedClass("ApiRefused")<{ readonly status: number; readonly message: string }> {}

/** The engine closed the connection before its answer was complete. */
export class ApiClosed extends Data.TaggedClass("ApiClosed")<{
  /** It closed a connection that had served a request before, and did not begin to answer. */
  readonly isStale: boolean
}> {}

/** The engine sent something that is not HTTP, or not as engines speak it. */
export class ApiGarbled extends Data.TaggedClass("ApiGarbled")<{ readonly reason: string }> {}

/** The engine sent a longer answer than any that makes sense. */
export class ApiTooLong extends Data.TaggedClass("ApiTooLong")<{ readonly bytes: number }> {}

type AnswerError = ApiClosed | ApiGarbled | ApiTooLong

export type ApiFailure = ApiRefused | AnswerError

/** The longest message of a refusal, in bytes. */
const maxMessage = 64 * 1024

/** How many short questions run at once on one server. Each uses a stream of its own, which later ones use again. */
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

/** What an error of node's HTTP client means. */
const failureOf = (error: unknown, isStale: boolean): ApiClosed | ApiGarbled => {
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return code.startsWith("HPE_") ? new ApiGarbled({ reason: code }) : new ApiClosed({ isStale })
}

/** Whether the end of an answer can be told from a connection that breaks. */
const hasLength = ({ headers, statusCode }: IncomingMessage): boolean =>
  statusCode === 204 ||
  headers["content-length"] !== undefined ||
  (headers["transfer-encoding"] ?? "").toLowerCase() === "chunked"

/** The message of a refusal. Engines send it as JSON; a proxy in front of one may not. */
const messageOf = (status: number, text: string): string => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && "message" in value && typeof value.message === "string")
      return value.message
  } catch {
    // Not JSON.
  }
  return text.trim() || `it gave no reason (${status})`
}

/** Makes a client of one engine's API. `dial` opens a stream to it. The scope closes all streams. */
export const make = <E>(dial: Effect.Effect<RemoteSocket, E>) =>
  Effect.gen(function* () {
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const streams = new Set<Duplex>()
    let isOver = false
    let lost: Effect.Effect<never, ConnectionLost> = Effect.never
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isOver = true
        for (const stream of streams) stream.destroy()
      })
    )

    class DialingAgent extends Agent {
      override createConnection(...[, callback]: Parameters<Agent["createConnection"]>): undefined {
        fork(dial).addObserver((exit) => {
          // After an error, nobody uses the stream.
          if (Exit.isFailure(exit)) return callback?.(new DialFailed(exit.cause), new Duplex())
          const { stream } = exit.value
          // An error without a listener would crash the process.
          stream.on("error", () => {})
          if (isOver) stream.destroy()
          lost = exit.value.lost
          streams.add(stream)
          stream.once("close", () => streams.delete(stream))
          callback?.(null, asSocket(stream))
        })
        return undefined
      }
    }
    // Transfers take long. If they used the same few streams, questions would wait for them.
    const agents = {
      questions: new DialingAgent({ keepAlive: true }),
      transfers: new DialingAgent({ keepAlive: false })
    }

    // Node's agent has a limit of its own, but does not count streams that are still being opened.
    const turns = yield* Semaphore.make(maxStreams)

    /** Sends a request, and gives the answer to `use`. Closes the stream unless the answer was read to its end. */
    const exchange = <A, F>(agent: Agent, request: ApiRequest, use: (answer: IncomingMessage) => Effect.Effect<A, F>) =>
      Effect.suspend(() => {
        let [sent, answer, garbled]: [ClientRequest?, IncomingMessage?, ApiGarbled?] = []
        const { body, headers, method, path, query } = request
        const content = body === undefined ? undefined : JSON.stringify(body)
        const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`
        return Effect.callback<IncomingMessage, ApiClosed | ApiGarbled | E>((resume) => {
          const asked = httpRequest({
            agent,
            method,
            path: `${path}${search}`,
            headers: {
              host: "docker",
              ...(content !== undefined && {
                "content-type": "application/json",
                "content-length": String(Buffer.byteLength(content))
              }),
              ...headers
            }
          })
          sent = asked
          asked.on("response", (message) => {
            answer = message
            // An error that comes before anybody reads the answer.
            message.on("error", () => {})
            resume(Effect.succeed(message))
          })
          asked.on("upgrade", (_, socket) => {
            socket.destroy()
            resume(Effect.fail(new ApiGarbled({ reason: "it changes the protocol" })))
          })
          asked.on("error", (error) => {
            // Only this agent makes this error, of a failure of `dial`.
            if (error instanceof DialFailed) return resume(Effect.failCause((error as DialFailed<E>).failure))
            const failure = failureOf(error, asked.reusedSocket)
            if (failure instanceof ApiGarbled) garbled = failure
            resume(Effect.fail(failure))
          })
          asked.end(content)
        }).pipe(
          Effect.flatMap(use),
          // If the body is not HTTP, only the request says so; the answer ends as if the engine had closed it.
          Effect.mapError((error) => (error instanceof ApiClosed && garbled !== undefined ? garbled : error)),
          Effect.ensuring(Effect.sync(() => void (answer?.readableEnded === true || sent?.destroy())))
        )
      })

    const bytesOf = (answer: IncomingMessage, max: number): Stream.Stream<Uint8Array, AnswerError> => {
      const evaluate = () => answer
      const onError = (error: unknown) => failureOf(error, false)
      const bytes = NodeStream.fromReadable<Uint8Array, AnswerError>({ evaluate, onError, closeOnDone: false })
      const end = Effect.suspend(() => (answer.complete ? Effect.void : Effect.fail(new ApiClosed({ isStale: false }))))
      const all = Stream.concat(bytes, Stream.fromEffectDrain(end))
      // Counting would hand on what has arrived piece by piece.
      return max === Number.POSITIVE_INFINITY ? all : limitBytes(all, max, () => new ApiTooLong({ bytes: max }))
    }

    const textOf = (answer: IncomingMessage, max: number) => Stream.mkString(Stream.decodeText(bytesOf(answer, max)))

    /** When the SSH connection is lost, a stream over it ends as if the engine had closed it. */
    const orLost = <A, F>(effect: Effect.Effect<A, F>): Effect.Effect<A, F | ConnectionLost> =>
      Effect.catchIf(
        effect,
        (error) => error instanceof ApiClosed,
        (error) => Effect.timeoutOrElse(lost, { duration: lostTimeout, orElse: () => Effect.fail(error) })
      )

    /** Closes the streams that wait for the next question. */
    const dropIdle = Effect.sync(() => {
      for (const idle of Object.values(agents.questions.freeSockets)) for (const each of idle ?? []) each.destroy()
    })

    const send = <A, F>(agent: Agent, request: ApiRequest, use: (answer: IncomingMessage) => Effect.Effect<A, F>) => {
      const attempt = exchange(agent, request, (answer): Effect.Effect<A, F | ApiFailure> => {
        const status = answer.statusCode ?? 0
        if (!hasLength(answer)) return Effect.fail(new ApiGarbled({ reason: "an answer without a length" }))
        if (status >= 200 && status < 300) return use(answer)
        return textOf(answer, maxMessage).pipe(
          Effect.catchTag("ApiTooLong", () => Effect.succeed("")),
          Effect.flatMap((text) => Effect.fail(new ApiRefused({ status, message: messageOf(status, text) })))
        )
      })
      const { isRepeatable = request.method !== "POST" } = request
      return Effect.catchIf(
        attempt,
        // It waited for a question while the engine restarted.
        (error) => isRepeatable && error instanceof ApiClosed && error.isStale,
        () => Effect.andThen(dropIdle, attempt)
      ).pipe(orLost)
    }

    return {
      /** Sends a request and returns the whole answer. */
      text: (request: ApiRequest) =>
        turns.withPermit(send(agents.questions, request, (answer) => textOf(answer, maxRead))),
      /** Sends a request whose answer may take long, and gives it to `read` as it arrives. */
      read: <A, F>(
        request: ApiRequest,
        read: (bytes: Stream.Stream<Uint8Array, AnswerError>) => Effect.Effect<A, F>,
        maxBytes = maxScanned
      ) => send(agents.transfers, request, (answer) => read(bytesOf(answer, maxBytes)))
    }
  })
