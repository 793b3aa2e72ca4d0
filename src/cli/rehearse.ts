import { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import { CurrentPath, Events } from "../core/Events.ts"
import { stepLogger } from "../core/stepLogger.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { run } from "../pipeline/interpreter/run.ts"
import { Scrubber } from "../core/Scrubber.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { lines } from "../rehearsal/DryRun.ts"
import { Recording } from "../rehearsal/layers.ts"
import { hookLines } from "./hooks/hookLines.ts"
import type { RunLayers } from "./RunLayers.ts"
import { withoutStrays } from "./process/unhandledErrors.ts"
import { oneLine } from "../core/text.ts"

/** Runs a pipeline over layers that only record, and prints below the heading what they recorded. */
export const rehearse = <N extends { readonly project: Project }, S, E, R>(
  layers: Pick<RunLayers<R>, "dry" | "write">,
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  heading: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const scrubber = yield* Scrubber
    const said: Array<string> = []
    const publish: Events["Service"]["publish"] = (body) =>
      Effect.map(CurrentPath, (path) => {
        if (body._tag === "StepNoted") said.push(`  ${path}: ${oneLine(body.text)}`)
      })
    const heard = Layer.provide(stepLogger, Layer.succeed(Events, { ...(yield* Events), publish }))
    yield* withoutStrays(Effect.provide(run(pipeline, input), heard))
    const { entries } = yield* Recording
    const scripts = entries.some((entry) => entry._tag === "Command" && entry.command.script !== undefined)
    const text = [
      ...heading,
      ...(entries.length === 0 ? ["", "Nothing would be run."] : lines(entries)),
      ...hookLines(input.project),
      ...(said.length === 0 ? [] : ["", "logged by steps:", ...said]),
      ...(scripts ? ["", "jiji:NAME.sh is a script of jiji's own; `jiji script NAME` prints it."] : [])
    ]
    layers.write(scrubber.text(`${text.join("\n")}\n`))
  }).pipe(Effect.provide(layers.dry(input.project)))
