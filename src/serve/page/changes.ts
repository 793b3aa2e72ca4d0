import { Effect, Option, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { anyRun, Feed } from "../Feed.ts"
import { toInfo } from "../handlers.ts"
import { decodeRows } from "../RunStore.ts"
import type { Token } from "../Tokens.ts"
import { Identify } from "./identify.ts"

/** How many runs a stream starts with: the newest ones. */
const newest = 50
/** How many of the runs that have not ended are watched. */
const maxActive = 200
/** How long a stream waits between two looks at the database without news. It also shows that the connection is open. */
const lookAgain = "1 second"
/** How long it waits after news: a run that writes much has news all the time. */
const settle = "100 millis"

/**
 * The newest runs and those that have not ended, and then each run that changes, as server-sent events. Ends when the token or
 * the session does. Each event is a list of runs as the API shows them.
 */
export const changes = (token: Token) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const feed = yield* Feed
      const { isStillGood } = yield* Identify
      const sql = yield* SqlClient.SqlClient
      const news = yield* feed.listen(anyRun)
      /** What the client has of each run. */
      let sent = new Map<number, string>()
      let isFirst = true

      const look = Effect.gen(function* () {
        const known = [...sent.keys()]
        const rows = yield* sql`SELECT * FROM runs WHERE ${sql.or([
          sql`number IN (SELECT number FROM runs ORDER BY number DESC LIMIT ${newest})`,
          sql`number IN (SELECT number FROM runs WHERE ended IS NULL ORDER BY number LIMIT ${maxActive})`,
          ...(known.length > 0 ? [sql.in("number", known)] : [])
        ])} ORDER BY number DESC`
        const changed: Array<string> = []
        const next = new Map<number, string>()
        for (const run of decodeRows(rows)) {
          const text = JSON.stringify(toInfo(run))
          if (sent.get(run.number) !== text) changed.push(text)
          if (run.ended === null || next.size < newest) next.set(run.number, text)
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
          if (!(yield* isStillGood(token))) return [[], Option.none<number>()] as const
          yield* news.close
          const changed = yield* look
          const frame = changed.length > 0 || isFirst ? `data: [${changed.join(",")}]\n\n` : ": nothing new\n\n"
          isFirst = false
          return [[frame], more] as const
        })
      )
    })
  ).pipe(Stream.encodeText)
