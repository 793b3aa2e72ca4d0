import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware } from "effect/http-api"
import { ConfigInvalid } from "../config/Problem.ts"
import { load } from "../config/load.ts"
import { RecordUnusable } from "../record/RecordError.ts"
import {
  Api,
  Authorization,
  BadRequest,
  Conflict,
  CurrentToken,
  Forbidden,
  NotFound,
  Refused,
  RequestErrors,
  TooManyRequests,
  type RunInfo,
  Unauthorized,
  Unavailable
} from "./Api.ts"
import { badRequest } from "./badRequest.ts"
import { Commands } from "./Commands.ts"
import { Feed } from "./Feed.ts"
import { Inspector } from "./Inspector.ts"
import { Identify } from "./page/identify.ts"
import { givenKey, policyOf } from "./policy.ts"
import { Projects, type ServedProject } from "./Projects.ts"
import { queueReasons } from "./queueReasons.ts"
import { includes, type Role } from "./Role.ts"
import { Runner } from "./Runner.ts"
import { RunStore, type StoredRun } from "./RunStore.ts"
import type { Token } from "./Tokens.ts"

export const unavailableMessage = "The database of jiji serve does not answer. Try again later."

const unavailable = () => Unavailable.make({ message: unavailableMessage })

/** Answers 503 if the database fails. */
export const orUnavailable = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchIf(
    effect,
    (error): error is Extract<E, { readonly _tag: "SqlError" }> =>
      typeof error === "object" && error !== null && "_tag" in error && error._tag === "SqlError",
    () => Effect.fail(unavailable())
  )

export const requireRole = Effect.fnUntraced(function* (wanted: Role) {
  const { name, role } = yield* CurrentToken
  if (includes(role, wanted)) return
  const message = `This needs the role ${wanted}, but the token ${name} has the role ${role}.`
  return yield* Effect.fail(Forbidden.make({ message }))
})

/** A run as the API shows it. */
export const toInfo = (run: StoredRun): RunInfo => {
  const key = givenKey(run.busy_key)
  return {
    id: run.number,
    project: run.project,
    command: run.words,
    status: run.status,
    by: run.who,
    cause: run.cause,
    attempt: run.attempt,
    // One that is to undo its steps is before all others, which is no priority that a request can have.
    priority: Math.min(run.priority, 10),
    ...(key !== undefined && { key }),
    ...(run.time_limit !== null && { timeLimit: run.time_limit }),
    ...(run.retries > 0 && { retries: { times: run.retries, used: run.retried } }),
    ...(run.overtaken_by !== null && { overtakenBy: run.overtaken_by }),
    created: run.created,
    ...(run.waits !== null && { waits: run.waits }),
    ...(run.reason !== null && { reason: run.reason }),
    ...(run.exit_code !== null && { exitCode: run.exit_code }),
    ...(run.process_run !== null && { run: run.process_run }),
    ...(run.started !== null && { started: run.started }),
    ...(run.ended !== null && { ended: run.ended })
  }
}

export const authorization = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const { bySession, byToken } = yield* Identify
    return Authorization.of({
      bearer: Effect.fnUntraced(function* (httpEffect, { credential }) {
        const text = Redacted.value(credential)
        const identity = yield* orUnavailable(text === "" ? bySession : byToken(text))
        if (identity._tag === "Known") return yield* Effect.provideService(httpEffect, CurrentToken, identity.token)
        if (identity._tag === "Limited") {
          const message = "Too many wrong tokens came from this address. Try again in a minute."
          return yield* Effect.fail(TooManyRequests.make({ message }))
        }
        const message =
          "The token is missing, wrong or expired. Send `Authorization: Bearer TOKEN`; `jiji token create` makes one."
        return yield* Effect.fail(Unauthorized.make({ message }))
      })
    })
  })
)

export const requestErrors = HttpApiMiddleware.layerSchemaErrorTransform(RequestErrors, ({ cause, kind }) =>
  Effect.fail(BadRequest.make({ message: badRequest(kind, cause.message) }))
)

const namedProject = Effect.fnUntraced(function* (name: string) {
  const project = yield* (yield* Projects).find(name)
  return (
    project ??
    (yield* Effect.fail(NotFound.make({ message: `There is no project ${name}. GET /api/projects lists them.` })))
  )
})

const problemOf = ({ folder }: ServedProject) =>
  load({ cwd: folder }).pipe(
    Effect.as(undefined),
    Effect.catch((error) =>
      Effect.succeed(
        error instanceof ConfigInvalid
          ? error.problems.map(({ file, line, message, path }) => `${file}:${line} ${path}: ${message}`).join("\n")
          : error.message
      )
    )
  )

export const projectHandlers = HttpApiBuilder.group(Api, "projects", (handlers) =>
  handlers.handleAll({
    listProjects: Effect.fnUntraced(function* () {
      const all = yield* (yield* Projects).list
      return yield* Effect.forEach(all, (project) =>
        Effect.map(problemOf(project), (problem) => ({ name: project.name, ...(problem !== undefined && { problem }) }))
      )
    }),
    listPipelines: Effect.fnUntraced(function* ({ query }) {
      const { folder } = yield* namedProject(query.project)
      return yield* (yield* Inspector).pipelines(folder)
    })
  })
)

/** How many events are read at once. */
const pageSize = 500

/** How often a stream without events looks whether its token is still good. Its comments keep the connection open. */
const keepAlive = "2 seconds"

const isOver = ({ ended }: StoredRun): boolean => ended !== null

/** The events of a run as server-sent events, until the run or the token ends. */
const eventStream = (run: number, after: number, token: Token) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const store = yield* RunStore
      const feed = yield* Feed
      const { isStillGood } = yield* Identify
      const news = yield* feed.listen(run)
      return Stream.paginate(
        after,
        Effect.fnUntraced(function* (position: number) {
          if (!(yield* isStillGood(token))) return [[], Option.none<number>()] as const
          yield* news.close
          // Before its events, since those that come in between are read now.
          const current = yield* store.get(run)
          const events = yield* store.events(run, position, pageSize)
          const last = events.at(-1)
          if (last !== undefined) {
            const frames = events.map(({ body, position }) => `id: ${position}\nevent: event\ndata: ${body}\n\n`)
            return [frames, Option.some(last.position)] as const
          }
          if (!Option.exists(current, (run) => !isOver(run))) return [[], Option.none<number>()] as const
          const isNew = yield* Effect.timeoutOption(news.await, keepAlive)
          return [Option.isSome(isNew) ? [] : [": nothing new\n\n"], Option.some(position)] as const
        })
      )
    })
  ).pipe(Stream.encodeText)

const existing = (run: Option.Option<StoredRun>, id: number) =>
  Effect.mapError(Effect.fromOption(run), () => NotFound.make({ message: `There is no run ${id}.` }))

export const runHandlers = HttpApiBuilder.group(Api, "runs", (handlers) =>
  handlers.handleAll({
    startRun: Effect.fnUntraced(
      function* ({ payload }) {
        yield* requireRole("run")
        const runner = yield* Runner
        if (yield* runner.isDraining)
          return yield* Effect.fail(Unavailable.make({ message: "jiji serve is stopping." }))
        const { folder, name } = yield* namedProject(payload.project)
        const command =
          "command" in payload
            ? yield* (yield* Commands).check(payload.command)
            : ({ _tag: "Pipeline", name: payload.pipeline, flags: payload.flags ?? [] } as const)
        const input = "pipeline" in payload ? (payload.input ?? {}) : {}
        if (command._tag === "Builtin") yield* requireRole(command.role)
        const { policy, words } =
          command._tag === "Builtin"
            ? { words: command.words, policy: {} }
            : yield* (yield* Inspector).prepare(folder, command.name, input, command.flags)
        const { name: who } = yield* CurrentToken
        const store = yield* RunStore
        const { isRefused, overtaken, run } = yield* store.add({
          project: name,
          words,
          who,
          cause: "api",
          ...policyOf({ project: name, words }, policy, payload),
          // Two people may choose the same value.
          ...(payload.once !== undefined && { once: `api ${who} ${payload.once}` })
        })
        if (isRefused) {
          return yield* Effect.fail(Conflict.make({ message: `Run ${run.number} of ${name} is ${run.status}.` }))
        }
        yield* runner.wake
        yield* Effect.forEach([...overtaken, run.number], (yield* Feed).publish, { discard: true })
        return toInfo(run)
      },
      Effect.catchTag(["CommandRefused", "InputRefused"], ({ message }) => Effect.fail(Refused.make({ message }))),
      orUnavailable
    ),
    listRuns: Effect.fnUntraced(function* ({ query }) {
      const store = yield* RunStore
      return (yield* store.list({ limit: 50, ...query })).map(toInfo)
    }, orUnavailable),
    showQueue: Effect.fnUntraced(function* () {
      const store = yield* RunStore
      const { places } = yield* Runner
      const queued = yield* store.queue(500)
      const runs = { queued, running: yield* store.running, waiting: yield* store.waiting }
      return queueReasons(runs, places).map(({ run, ...reason }) => ({ run: toInfo(run), ...reason }))
    }, orUnavailable),
    getMetrics: Effect.fnUntraced(function* () {
      return yield* (yield* RunStore).metrics
    }, orUnavailable),
    getRun: Effect.fnUntraced(function* ({ params }) {
      const store = yield* RunStore
      return toInfo(yield* existing(yield* store.get(params.id), params.id))
    }, orUnavailable),
    followRun: Effect.fnUntraced(function* ({ headers, params }) {
      const store = yield* RunStore
      yield* existing(yield* store.get(params.id), params.id)
      const token = yield* CurrentToken
      const context = yield* Effect.context<RunStore | Feed | Identify | HttpServerRequest.HttpServerRequest>()
      const events = eventStream(params.id, headers["last-event-id"] ?? 0, token)
      return HttpServerResponse.stream(Stream.provideContext(events, context), {
        contentType: "text/event-stream",
        // nginx buffers responses otherwise.
        headers: { "x-accel-buffering": "no" }
      })
    }, orUnavailable),
    signalRun: Effect.fnUntraced(
      function* ({ params: { id, name }, payload }) {
        yield* requireRole("approve")
        const store = yield* RunStore
        const run = yield* existing(yield* store.get(id), id)
        const conflict = (message: string) => Effect.fail(Conflict.make({ message }))
        if (run.ended !== null) return yield* conflict(`Run ${id} has ended.`)
        const { folder } = yield* namedProject(run.project)
        const [command = "", pipeline = ""] = run.words
        if (command !== "run") return yield* conflict(`No step of jiji ${command} waits for a signal.`)
        yield* (yield* Inspector).checkSignal(folder, pipeline, name, payload)
        if (run.process_run === null)
          return yield* conflict(`Run ${id} has not started yet. Send the signal again when it has.`)
        const { name: by } = yield* CurrentToken
        yield* Effect.mapError((yield* Runner).signal(run.process_run, { name, value: payload, by }), (error) =>
          error instanceof RecordUnusable
            ? Unavailable.make({ message: error.message })
            : Conflict.make({ message: error.message })
        )
        return toInfo(yield* existing(yield* store.get(id), id))
      },
      Effect.catchTag("SignalRefused", ({ message }) => Effect.fail(Refused.make({ message }))),
      orUnavailable
    ),
    cancelRun: Effect.fnUntraced(function* ({ params }) {
      yield* requireRole("run")
      const runner = yield* Runner
      const store = yield* RunStore
      yield* existing(yield* runner.cancel(params.id), params.id)
      return toInfo(yield* existing(yield* store.get(params.id), params.id))
    }, orUnavailable)
  })
)
