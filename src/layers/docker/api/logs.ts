import { type Cause, Deferred, Effect, FiberMap, Pull, Queue } from "effect"
import {
  type ContainerLine,
  isLogged,
  type LogFollow,
  type LogQuery,
  onlyUnread,
  type TakeLogs
} from "../logs/LogLine.ts"
import { mergeByTime } from "../logs/mergeByTime.ts"
import type { EngineApi } from "./EngineApi.ts"

type Failure = Effect.Error<ReturnType<EngineApi["logs"]>>

/** How many pieces of a container's log wait for those of the others. */
const maxWaiting = 4

/** How often to look for containers that have started. It takes the engine less than a millisecond. */
const lookEvery = "1 second"

/** Reads the logs of containers, in the order of their times. */
export const readInOrder = Effect.fnUntraced(function* (api: EngineApi, query: LogQuery, take: TakeLogs) {
  const containers = (yield* api.list(query.project)).filter((each) => isLogged(query, each))
  yield* take({ containers, lines: [] })
  const sources = yield* Effect.forEach(
    containers,
    Effect.fnUntraced(function* (container) {
      const waiting = yield* Queue.bounded<ReadonlyArray<ContainerLine>, Failure | Cause.Done>(maxWaiting)
      const reading = api.logs(container.id, { ...query, follow: false }, (lines) => {
        const all = lines.map((line) => ({ container, ...line }))
        return Effect.asVoid(Queue.offer(waiting, all))
      })
      yield* Effect.forkScoped(
        Effect.matchCauseEffect(reading, {
          onFailure: (cause) => Queue.failCause(waiting, cause),
          onSuccess: () => Queue.end(waiting)
        })
      )
      return { next: Queue.take(waiting).pipe(Pull.catchDone(() => Effect.undefined)) }
    })
  )
  const next = mergeByTime(sources.map((source) => source.next))
  for (let lines = yield* next; lines !== undefined; lines = yield* next) yield* take({ containers: [], lines })
}, Effect.scoped)

/** Follows the logs of containers, also of those that start later, and of those that start again. */
export const followAll = Effect.fnUntraced(function* (api: EngineApi, follow: LogFollow, take: TakeLogs) {
  const from = new Map(follow.from)
  const known = new Set<string>()
  const following = yield* FiberMap.make<string>()
  const failed = yield* Deferred.make<never, Failure>()
  const look = Effect.gen(function* () {
    for (const { running, ...container } of yield* api.list(follow.project)) {
      const { id } = container
      if (!isLogged(follow, container) || FiberMap.hasUnsafe(following, id)) continue
      const isNew = !known.has(id)
      // The engine ends the log of a container that stops, also if that starts again.
      if (!isNew && !running) continue
      known.add(id)
      if (isNew) yield* take({ containers: [container], lines: [] })
      const since = from.get(id)
      const isUnread = onlyUnread(from, id)
      const reading = api.logs(id, { follow: true, ...(since !== undefined && { since }) }, (lines) =>
        take({ containers: [], lines: lines.filter(isUnread).map((line) => ({ container, ...line })) })
      )
      yield* FiberMap.run(
        following,
        id,
        Effect.catch(reading, (error) => Deferred.fail(failed, error))
      )
    }
  })
  return yield* Effect.raceFirst(Effect.forever(Effect.andThen(look, Effect.sleep(lookEvery))), Deferred.await(failed))
}, Effect.scoped)
