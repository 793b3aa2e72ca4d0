import { Effect, Option, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { Feed } from "../Feed.ts"
import { toInfo } from "../handlers.ts"
import { RunStore, type StoredRun } from "../RunStore.ts"
import { Tokens } from "../Tokens.ts"

/** How many runs a stream starts with: the newest ones. */
const newest = 50
/** How many of the runs that have not ended are watched. */
const maxActive = 200
/** How long a stream waits between two looks at the database without news. It also shows that the connection is open. */
const lookAgain = "1 second"
/** How long it waits after news: a run with much output has news all the time. */
const settle = "50 millis"

/**
 * The newest runs and those that have not ended, and then each run that changes, as server-sent events. Ends when the token
 * does. Each event is a list of runs as the API shows them.
 */
export const changes = (token: string) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const store = yield* RunStore
      const feed = yield* Feed
      const tokens = yield* Tokens
      const sql = yield* SqlClient.SqlClient
      const news = yield* feed.listenToAll
      /** What the client has of each run. */
      let sent = new Map<number, string>()
      let isFirst = true

      const look = Effect.gen(function* () {
        const active = yield* sql<{ readonly number: number }>`SELECT number FROM runs WHERE ended IS NULL
          ORDER BY number LIMIT ${maxActive}`
        const runs = new Map<number, StoredRun>()
        for (const run of yield* store.list({ limit: newest })) runs.set(run.number, run)
        // Also those that the client believes to be active.
        for (const number of [...active.map(({ number }) => number), ...sent.keys()]) {
          if (runs.has(number)) continue
          const run = yield* store.get(number)
          if (Option.isSome(run)) runs.set(number, run.value)
        }
        const changed: Array<string> = []
        const next = new Map<number, string>()
        for (const [number, run] of runs) {
          const text = JSON.stringify(toInfo(run))
          if (sent.get(number) !== text) changed.push(text)
          if (run.ended === null || next.size < newest) next.set(number, text)
        }
        sent = next
        return changed
      })

      return Stream.paginate(
        0,
        Effect.fnUntraced(function* () {
          const more = Option.some(0)
          if (!isFirst) {
            const isNew = yield* Effect.timeoutOption(news.await, lookAgain)
            if (Option.isSome(isNew)) yield* Effect.sleep(settle)
          }
          if (Option.isNone(yield* tokens.get(token))) return [[], Option.none<number>()] as const
          yield* news.close
          const changed = yield* look
          const frame = changed.length > 0 || isFirst ? `data: [${changed.join(",")}]\n\n` : ": nothing new\n\n"
          isFirst = false
          return [[frame], more] as const
        })
      )
    })
  ).pipe(Stream.encodeText)
