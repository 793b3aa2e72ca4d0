import { Effect, Schema } from "effect"
import { deploy, type DeployInput, ExitCode, Machine, Pipeline, Runnable, Shell, Step, Trigger } from "jiji"

export class CheckFailed extends Schema.TaggedError<CheckFailed>()("CheckFailed", { command: Schema.String }) {
  override readonly message = `\`${this.command}\` failed.`
  readonly remedy = "Fix what its output says. Nothing was built or deployed."
  readonly exitCode = ExitCode.failed
}

/** Runs a command in the project's folder, and shows its output. */
const check = (name: string, ...words: readonly [string, ...ReadonlyArray<string>]) =>
  Step.make(
    name,
    Effect.fnUntraced(function* () {
      const { exitCode } = yield* (yield* Shell).run(Machine.local, { words, show: "all" })
      if (exitCode !== 0) return yield* new CheckFailed({ command: words.join(" ") })
    })
  )

export const release = Pipeline.make<DeployInput>("release").pipe(
  Pipeline.step(check("install", "bun", "install", "--frozen-lockfile")),
  Pipeline.parallel(check("typecheck", "bun", "run", "typecheck"), check("test", "bun", "run", "test")),
  Pipeline.pipeline(deploy) // builds the image, pushes it, and replaces the containers
)

export default Runnable.make({
  description: "Check, build and deploy",
  on: [Trigger.github({ push: "main" })], // in a `jiji serve`
  pipeline: release
})
