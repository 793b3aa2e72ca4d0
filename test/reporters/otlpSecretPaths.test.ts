import { expect } from "bun:test"
import { Effect } from "effect"
import { local } from "../../src/layers/shell/Machine.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { collector, run, secret, spansOf } from "./collector.ts"

it.live("the span of a command belongs to its step, even if the step's name is a secret", () =>
  Effect.gen(function* () {
    const { posted, url } = yield* collector()
    const work = Step.make(secret, () =>
      Effect.flatMap(Shell, (shell) => shell.run(local, { words: ["true"] })).pipe(Effect.orDie, Effect.asVoid)
    )
    yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url }, Pipeline.make("deploy").pipe(Pipeline.step(work)))
    const spans = spansOf(posted)
    const names = new Map(spans.map(({ name, spanId }) => [spanId, name]))
    expect(spans.map(({ name, parentSpanId = "" }) => `${names.get(parentSpanId)} > ${name}`).sort()).toEqual([
      "deploy > deploy/<redacted>",
      "deploy/<redacted> > true",
      "undefined > deploy"
    ])
    expect(JSON.stringify(posted)).not.toContain(secret)
  })
)
