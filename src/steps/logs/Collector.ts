import { type Cause, Clock, Deferred, Effect, Pull, Queue } from "effect"
import { collectAfter } from "../../core/collectGarbage.ts"
import type { ContainerLine } from "../../layers/docker/logs/LogLine.ts"
import { mergeByTime } from "../../layers/docker/logs/mergeByTime.ts"
import { reorder } from "./reorder.ts"

/** A line of a container's log, with its server. */
export interface LogLine extends ContainerLine {
  readonly server: string
}

type Lines = ReadonlyArray<LogLine>

/** Where one server's lines go. */
interface Source {
  /** Takes lines that are read, in the order of their times. */
  readonly past: (lines: Lines) => Effect.Effect<void>
  /** No more of them come. */
  readonly pastIsOver: Effect.Effect<void>
  /** Takes lines that have just come. */
  readonly present: (lines: Lines) => Effect.Effect<void>
  /** No more lines come at all. */
  readonly isOver: Effect.Effect<void>
}

/** Takes the lines of all servers. */
export interface Collector {
  readonly source: (server: string) => Source
  /** Writes the lines until all sources are over. */
  readonly writeAll: <E>(write: (lines: Lines) => Effect.Effect<void, E>) => Effect.Effect<void, E>
  /** Succeeds when all sources are over and everything is written. */
  readonly isWritten: Effect.Effect<void>
}

/** How many pieces of a server wait until they are written. A piece has at most 64 KiB, or a line. */
const maxWaiting = 8

/** About how many bytes of garbage a line leaves. The runtime would let it pile up to hundreds of megabytes. */
const garbagePerLine = 2 * 1024

/** How long a line waits for those of other servers that are older. */
const patience = 300

/** How often new lines are written. */
const writeEvery = 100

/** Collects lines of servers: first those that they have, merged by time; then those that come, nearly so. */
export const make = Effect.fnUntraced(function* (servers: ReadonlyArray<string>) {
  type Waiting = Queue.Queue<Lines, Cause.Done>
  const presents: Waiting = yield* Queue.bounded<Lines, Cause.Done>(maxWaiting * servers.length)
  const pasts = new Map<string, Waiting>()
  for (const server of servers) pasts.set(server, yield* Queue.bounded<Lines, Cause.Done>(maxWaiting))
  const open = new Set(servers)
  const written = yield* Deferred.make<void>()
  const put = (to: Waiting | undefined) => (lines: Lines) => {
    if (lines.length === 0 || to === undefined) return Effect.void
    collectAfter(lines.length * garbagePerLine)
    return Effect.asVoid(Queue.offer(to, lines))
  }

  const writePresent = <E>(write: (lines: Lines) => Effect.Effect<void, E>) =>
    Effect.gen(function* () {
      const order = reorder<LogLine>(patience)
      while (true) {
        const isEnd = open.size === 0 && Queue.sizeUnsafe(presents) === 0
        const arrived = yield* Queue.clear(presents)
        const now = yield* Clock.currentTimeMillis
        for (const lines of arrived) order.add(lines, now)
        const ready = isEnd ? order.rest() : order.ready(now)
        if (ready.length > 0) yield* write(ready)
        if (isEnd) return
        // A queue that is full holds up the servers, so do not wait then.
        if (arrived.length < maxWaiting) yield* Effect.sleep(writeEvery)
      }
    })

  const collector: Collector = {
    source: (server) => {
      const past = pasts.get(server)
      const pastIsOver = past === undefined ? Effect.void : Effect.asVoid(Queue.end(past))
      return {
        past: put(past),
        pastIsOver,
        present: put(presents),
        isOver: Effect.andThen(
          pastIsOver,
          Effect.sync(() => void open.delete(server))
        )
      }
    },
    isWritten: Deferred.await(written),
    writeAll: Effect.fnUntraced(function* (write) {
      const next = mergeByTime(
        [...pasts.values()].map((past) => Queue.take(past).pipe(Pull.catchDone(() => Effect.undefined)))
      )
      for (let lines = yield* next; lines !== undefined; lines = yield* next) yield* write(lines)
      yield* writePresent(write)
      yield* Deferred.succeed(written, undefined)
    })
  }
  return collector
})
