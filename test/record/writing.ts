// Records a run in another process: `writing.ts FILE RUN [hang]`. With `hang`, records only its first events, then prints
// `written` and never ends. Prints every warning.
import { Effect, Option, Schedule, Stream } from "effect"
import { recorder } from "../../src/record/recorder.ts"
import { readRun } from "../../src/record/read.ts"
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

const record = recorder(file, { project: "shop", servers: ["web1", "web2"], who: "me@here" }, ({ message }) =>
  process.stdout.write(`${message}\n`)
)(stream)

const written = readRun(file, Option.some(run)).pipe(
  Effect.filterOrFail(({ events }) => events.length > 3),
  Effect.retry(Schedule.spaced("20 millis")),
  Effect.andThen(Effect.sync(() => process.stdout.write("written\n")))
)

await Effect.runPromise(hang === undefined ? record : Effect.asVoid(Effect.all([record, written], { concurrency: 2 })))
