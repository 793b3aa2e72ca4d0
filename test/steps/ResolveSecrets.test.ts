import { expect } from "bun:test"
import { Effect, Layer, Redacted } from "effect"
import type { Project } from "../../src/config/Project.ts"
import { Secrets } from "../../src/layers/secrets/Secrets.ts"
import { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as ResolveSecrets from "../../src/steps/ResolveSecrets.ts"
import { it } from "../support/effect.ts"
import { project, service } from "./rehearsal.ts"

const pipeline = Pipeline.make<{ readonly project: Project }>("deploy").pipe(Pipeline.step(ResolveSecrets.step))

const resolving = (length: number) => {
  const web = service("web", [])
  const secrets = Layer.mock(Secrets, {
    resolve: () => Effect.succeed(new Map([["KEY", Redacted.make("x".repeat(length))]]))
  })
  const input = {
    project: { ...project(), services: [{ ...web, environment: { clear: {}, secrets: ["KEY"] } }] }
  }
  return run(pipeline, input, secrets).pipe(Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))
}

it.live("fails before any change if a secret is too long for a variable", () =>
  Effect.gen(function* () {
    yield* resolving(127 * 1024)
    const error = yield* Effect.flip(resolving(128 * 1024))
    expect(error).toMatchObject({ _tag: "SecretTooLong", name: "KEY", bytes: 131_072, exitCode: 78 })
  })
)
