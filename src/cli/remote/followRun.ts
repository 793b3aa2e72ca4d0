import { Clock, Duration, Effect, Result, Stream } from "effect"
import type { Event } from "../../core/Event.ts"
import { Notices } from "../../reporters/Notices.ts"
import type { Connection } from "./connect.ts"
import { frames, toEvent } from "./events.ts"
import { RemoteLost, RemoteUnreachable } from "./RemoteError.ts"

/** How long a server may be gone. It may wait 5 minutes for its runs before it starts again. */
const patience = Duration.minutes(10)

/** The pause before the connection is tried again, and the longest one, in milliseconds. */
const pauses = { first: 250, longest: 5000 } as const

/** Up to which event a run is known. */
export interface Position {
  after: number
}

/**
 * Passes on the events of a run until it is over, and returns it as it is then. A connection that is lost is made again, and goes
 * on after the last event.
 */
export const followRun = Effect.fnUntraced(function* (
  connection: Connection,
  id: number,
  position: Position,
  onEvent: (event: Event) => Effect.Effect<void>,
  /** Called when there is no event yet. */
  onQuiet: Effect.Effect<void> = Effect.void
) {
  const { request, url } = connection
  const { print } = yield* Notices
  let pause: number = pauses.first
  let lostAt: number | undefined
  let isSkipping = false
  let endings = 0
  const isBack = () => {
    if (lostAt !== undefined && pause > 2 * pauses.first) print(`connected to ${url} again`)
    lostAt = undefined
    pause = pauses.first
  }
  /** Reads what one connection says, and returns the run if it is over and nothing is missing. */
  const readOnce = Effect.gen(function* () {
    const start = position.after
    yield* Stream.runForEach(frames(connection, id, start), (frame) => {
      isBack()
      if (frame._tag === "Idle") return position.after === 0 ? onQuiet : Effect.void
      if (frame.id <= position.after) return Effect.void
      position.after = frame.id
      const event = toEvent(frame.data)
      if (event !== undefined) return onEvent(event)
      if (!isSkipping) print(`warning: jiji on ${url} is newer, and this one does not know all of its events`)
      isSkipping = true
      return Effect.void
    })
    // It ends with the run, but a proxy may end it earlier.
    if (position.after > start) return undefined
    const run = yield* request((api) => api.runs.getRun({ params: { id } }))
    return run.ended !== undefined ? run : yield* new RemoteUnreachable({ url, detail: "the connection was closed" })
  })
  while (true) {
    const result = yield* Effect.result(readOnce)
    if (Result.isSuccess(result)) {
      if (result.success !== undefined) return result.success
      // One that ends again and again after a few events must not keep this machine busy.
      if (endings > 0) yield* Effect.sleep(pauses.first)
      endings += 1
      continue
    }
    const error = result.failure
    const canReturn =
      error._tag === "RemoteUnreachable" || (error._tag === "RemoteRefused" && error.tag === "Unavailable")
    if (!canReturn) return yield* error
    const now = yield* Clock.currentTimeMillis
    lostAt ??= now
    if (now - lostAt >= Duration.toMillis(patience)) {
      const detail = error._tag === "RemoteUnreachable" ? error.detail : error.text
      return yield* new RemoteLost({ url, run: id, patience: Duration.format(patience), detail })
    }
    if (pause === 2 * pauses.first) print(`the connection to ${url} is lost; connecting again`)
    yield* Effect.sleep(pause)
    pause = Math.min(2 * pause, pauses.longest)
  }
})
