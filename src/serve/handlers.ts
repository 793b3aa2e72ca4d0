import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware } from "effect/http-api"
import { ConfigInvalid } from "../config/Problem.ts"
import { load } from "../config/load.ts"
import {
  Api,
  Authorization,
  BadRequest,
  CurrentToken,
  Forbidden,
  NotFound,
  Refused,
  RequestErrors,
  type RunInfo,
  Unauthorized,
  Unavailable
} from "./Api.ts"
import { Commands } from "./Commands.ts"
import { Feed } from "./Feed.ts"
import { Inspector } from "./Inspector.ts"
import { Projects, type ServedProject } from "./Projects.ts"
import { includes, type Role } from "./Role.ts"
import { Runner } from "./Runner.ts"
import { RunStore, type StoredRun } from "./RunStore.ts"
import { Tokens } from "./Tokens.ts"

const unavailable = () => Unavailable.make({ message: "The database of jiji serve does not answer. Try again later." })

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
export const toInfo = (run: StoredRun): RunInfo => ({
  id: run.number,
  project: run.project,
  command: run.words,
  status: run.status,
  by: run.who,
  cause: run.cause,
  attempt: run.attempt,
  created: run.created,
  ...(run.reason !== null && { reason: run.reason }),
  ...(run.process_run !== null && { run: run.process_run }),
  ...(run.started !== null && { started: run.started }),
  ...(run.ended !== null && { ended: run.ended })
})

export const authorization = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const tokens = yield* Tokens
    return Authorization.of({
      bearer: Effect.fnUntraced(function* (httpEffect, { credential }) {
        const token = yield* orUnavailable(tokens.verify(Redacted.value(credential)))
        if (Option.isSome(token)) return yield* Effect.provideService(httpEffect, CurrentToken, token.value)
        const message = "Send a token that is good: `Authorization: Bearer TOKEN`. `jiji token create` makes one."
        return yield* Effect.fail(Unauthorized.make({ message }))
      })
    })
  })
)

export const requestErrors = HttpApiMiddleware.layerSchemaErrorTransform(RequestErrors, ({ cause, kind }) =>
  Effect.fail(BadRequest.make({ message: `${kind}: ${cause.message}` }))
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

const isOver = ({ status }: StoredRun): boolean => status !== "queued" && status !== "running"

/** The events of a run as server-sent events, until the run or the token ends. */
const eventStream = (run: number, after: number, token: string) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const store = yield* RunStore
      const feed = yield* Feed
      const tokens = yield* Tokens
      const news = yield* feed.listen(run)
      return Stream.paginate(
        after,
        Effect.fnUntraced(function* (position: number) {
          if (!(yield* tokens.isValid(token))) return [[], Option.none<number>()] as const
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
        const words =
          command._tag === "Builtin"
            ? command.words
            : yield* (yield* Inspector).words(folder, command.name, input, command.flags)
        const { name: who } = yield* CurrentToken
        const store = yield* RunStore
        const { run } = yield* store.add({
          project: name,
          words,
          who,
          cause: "api",
          key: name,
          // Two people may choose the same value.
          ...(payload.once !== undefined && { once: `api ${who} ${payload.once}` })
        })
        yield* runner.wake
        return toInfo(run)
      },
      Effect.catchTag(["CommandRefused", "InputRefused"], ({ message }) => Effect.fail(Refused.make({ message }))),
      orUnavailable
    ),
    listRuns: Effect.fnUntraced(function* ({ query }) {
      const store = yield* RunStore
      return (yield* store.list({ limit: 50, ...query })).map(toInfo)
    }, orUnavailable),
    getRun: Effect.fnUntraced(function* ({ params }) {
      const store = yield* RunStore
      return toInfo(yield* existing(yield* store.get(params.id), params.id))
    }, orUnavailable),
    followRun: Effect.fnUntraced(function* ({ headers, params }) {
      const store = yield* RunStore
      yield* existing(yield* store.get(params.id), params.id)
      const token = yield* CurrentToken
      const context = yield* Effect.context<RunStore | Feed | Tokens>()
      const events = eventStream(params.id, headers["last-event-id"] ?? 0, token.id)
      return HttpServerResponse.stream(Stream.provideContext(events, context), {
        contentType: "text/event-stream",
        // nginx buffers responses otherwise.
        headers: { "x-accel-buffering": "no" }
      })
    }, orUnavailable),
    cancelRun: Effect.fnUntraced(function* ({ params }) {
      yield* requireRole("run")
      const runner = yield* Runner
      const store = yield* RunStore
      yield* existing(yield* runner.cancel(params.id), params.id)
      return toInfo(yield* existing(yield* store.get(params.id), params.id))
    }, orUnavailable)
  })
)
