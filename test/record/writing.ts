// A run of another process: `writing.ts FILE RUN [hang]` keeps a run in a record, or its first events and then goes on
// without an end. Prints what it was warned of, and `written` once it hangs.
import { Effect, Option, Schedule, Stream } from "effect"
import { follower } from "../../src/record/follow.ts"
import { read } from "../../src/record/read.ts"
import { failedDeploy } from "./story.ts"

const [file = "", run = "", hang] = process.argv.slice(2)
const events = failedDeploy({ run, lines: 3000, began: Date.now() })
const stream =
  hang === undefined
    ? Stream.fromIterable(events).pipe(
        Stream.rechunk(100),
        Stream.tap(() => Effect.yieldNow)
      )
    : Stream.concat(Stream.fromIterable(events.slice(0, 10)), Stream.never)

const keep = follower(file, { project: "shop", servers: ["web1", "web2"], who: "me@here" }, ({ message }) =>
  process.stdout.write(`${message}\n`)
)(stream)

const written = read(file, Option.some(run)).pipe(
  Effect.retry(Schedule.spaced("20 millis")),
  Effect.andThen(Effect.sync(() => process.stdout.write("written\n")))
)

await Effect.runPromise(hang === undefined ? keep : Effect.asVoid(Effect.all([keep, written], { concurrency: 2 })))
