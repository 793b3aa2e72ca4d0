import { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import { CurrentPath, Events } from "../core/Events.ts"
import { publicPaths } from "../core/publicPaths.ts"
import { Scrubber } from "../core/Scrubber.ts"
import { stepLogger } from "../core/stepLogger.ts"
import { oneLine } from "../core/text.ts"
import { run } from "../pipeline/interpreter/run.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { lines } from "../rehearsal/DryRun.ts"
import { Recording } from "../rehearsal/layers.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { hookLines } from "./hooks/hookLines.ts"
import { Terminal } from "./process/Terminal.ts"
import { failOnUnhandledErrors } from "./process/unhandledErrors.ts"
import { RunLayers } from "./RunLayers.ts"

/** Runs a pipeline over layers that only record, and prints the heading and what they recorded. */
export const runDry = Effect.fnUntraced(function* <N extends { readonly project: Project }, S, E>(
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  heading: ReadonlyArray<string>
) {
  const { dry } = yield* RunLayers
  const { write } = yield* Terminal
  const scrubber = yield* Scrubber
  yield* Effect.gen(function* () {
    const logged: Array<string> = []
    const { toPublic } = publicPaths(scrubber.text)
    const publish: Events["Service"]["publish"] = (body) =>
      Effect.map(CurrentPath, (path) => {
        if (body._tag === "StepNoted") logged.push(`  ${toPublic("", path)}: ${oneLine(scrubber.text(body.text))}`)
      })
    const logger = Layer.provide(stepLogger, Layer.succeed(Events, { ...(yield* Events), publish }))
    yield* failOnUnhandledErrors(Effect.provide(run(pipeline, input), logger))
    const { entries } = yield* Recording
    const hasScripts = entries.some((entry) => entry._tag === "Command" && entry.command.script !== undefined)
    const text = [
      ...heading.map(scrubber.text),
      ...(entries.length === 0 ? ["", "No command would run."] : lines(entries, scrubber.text)),
      ...hookLines(input.project, scrubber.text),
      ...(logged.length === 0 ? [] : ["", "logged by steps:", ...logged]),
      ...(hasScripts ? ["", "jiji:NAME.sh is one of jiji's own scripts; `jiji script NAME` prints it."] : [])
    ]
    write(`${text.join("\n")}\n`)
  }).pipe(Effect.provide(dry(input.project)))
})
