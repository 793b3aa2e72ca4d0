import { Effect, Schema } from "effect"
import { deploy, Events, ExitCode, Machine, Pipeline, type Project, Runnable, Shell, Step } from "jiji"

export class NotApproved extends Schema.TaggedError<NotApproved>()("NotApproved", {
  reason: Schema.Literals(["refused", "nobody answered"]),
  project: Schema.String
}) {
  override get message() {
    return `The deploy of ${this.project} was not approved: ${this.reason}.`
  }
  readonly remedy = "Nothing was changed. Run it again, and answer yes."
  readonly exitCode = ExitCode.failed
}

const flags = Schema.Struct({
  within: Runnable.duration.pipe(Schema.withDecodingDefaultKey(Effect.succeed("10 minutes"))).annotateKey({
    description: "How long to wait for an answer"
  }),
  file: Schema.optionalKey(Schema.String).annotateKey({
    description: "Wait for this file to appear instead of asking in the terminal"
  })
})
type Input = typeof flags.Type & { readonly project: Project }

/** Both are commands on this machine, so that --dry-run prints them and does not wait. */
const answer = 'IFS= read -r answer && [ "$answer" = yes ]'
const appearance = 'until [ -e "$1" ]; do sleep 1; done'

const approve = Step.make(
  "approve",
  Effect.fnUntraced(function* ({ file, project, within }: Input) {
    const { publish } = yield* Events
    const question =
      file === undefined
        ? `deploy ${project.name} to ${project.servers.map(({ name }) => name).join(", ")}? Type yes and press Enter`
        : `touch ${file} to deploy ${project.name}`
    yield* publish({ _tag: "StepNoted", level: "info", text: question })
    const shell = yield* Shell
    const { exitCode } = yield* (
      file === undefined
        ? shell.run(Machine.local, { words: ["sh", "-c", answer], asks: true })
        : shell.run(Machine.local, { words: ["sh", "-c", appearance, "approval", file] })
    ).pipe(
      Effect.timeoutOrElse({
        duration: within,
        orElse: () => Effect.fail(new NotApproved({ reason: "nobody answered", project: project.name }))
      })
    )
    if (exitCode !== 0) return yield* new NotApproved({ reason: "refused", project: project.name })
  })
)

export const approval = Pipeline.make<Input>("approval").pipe(Pipeline.step(approve), Pipeline.pipeline(deploy))

export default Runnable.make({ description: "Ask a person, then deploy", flags, pipeline: approval })
