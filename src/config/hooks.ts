import { type Duration, Effect, Schema } from "effect"
import { duration } from "./duration.ts"
import { scalar, secretName, text } from "./fields.ts"

/** What a hook can be told of, by the event's tag: all that begins and ends, and neither output nor progress. */
export const hookEvents = {
  "run.started": "RunStarted",
  "run.succeeded": "RunSucceeded",
  "run.failed": "RunFailed",
  "run.interrupted": "RunInterrupted",
  "step.started": "StepStarted",
  "step.noted": "StepNoted",
  "step.retried": "StepRetried",
  "step.skipped": "StepSkipped",
  "step.succeeded": "StepSucceeded",
  "step.failed": "StepFailed",
  "step.interrupted": "StepInterrupted"
} as const

/** An event as deploy.yml names it. */
export type HookEvent = keyof typeof hookEvents

/** A command that is run on this machine when something happens in a run. */
export interface Hook {
  readonly name: string
  readonly on: ReadonlyArray<HookEvent>
  readonly command: ReadonlyArray<string>
  /** A pattern of paths; `*` stands for any part of a name, `**` for anything. */
  readonly only?: string
  readonly environment: {
    readonly clear: Readonly<Record<string, string>>
    readonly secrets: ReadonlyArray<string>
  }
  readonly timeout: Duration.Duration
  /** Whether its failure is the command's failure too. */
  readonly required: boolean
}

/** jiji passes the event to a hook in these variables. */
const own = (name: string): string | undefined =>
  name.startsWith("JIJI_") ? `${name} is reserved for jiji; choose another name` : undefined

const notOwn = Schema.makeFilter(own, { toJsonSchema: () => [{}, true] })

const ownVariable = text(
  "a variable name of letters, digits and _ that does not start with JIJI_, such as CHANNEL",
  /^(?!JIJI_)[A-Za-z_][A-Za-z0-9_]*$/u
)

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

// A record of its keys, whose order is that of the documentation.
const names = Object.keys(hookEvents) as ReadonlyArray<HookEvent>

const Environment = Schema.Struct({
  clear: or(
    Schema.Record(ownVariable, scalar()).annotate({
      description: "Variables and their values, taken literally.",
      default: {}
    }),
    {}
  ),
  secrets: or(
    Schema.Array(secretName().check(notOwn)).annotate({
      description: "Names of secrets; each becomes the variable of that name.",
      default: []
    }),
    []
  )
}).annotate({ description: "The command's environment, beside what jiji itself was started with." })

/** A hook of deploy.yml. */
export const HookSchema = Schema.Struct({
  on: Schema.Array(
    Schema.Literals(names).annotate({ expected: "an event such as run.succeeded, run.failed or step.failed" })
  )
    .check(Schema.isMinLength(1, { expected: "a list with at least one event" }))
    .annotate({
      description: "What happened: the events it is run on.",
      examples: [["run.succeeded", "run.failed"]]
    }),
  command: Schema.Array(scalar())
    .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
    .annotate({
      description: "Words of the command. It runs on this machine, in the project's folder, without a shell.",
      examples: [["bin/notify", "deploys"]]
    }),
  only: Schema.optionalKey(
    text("a pattern of paths such as deploy/servers[*]", /\S/u, {
      description:
        "Pattern of the paths it is told of, for events of steps: `*` is any part of a name, `**` anything. Where it is left out, those of steps, and not of the pipelines and servers around them.",
      examples: ["deploy/servers[*]"]
    })
  ),
  environment: or(Environment, {}),
  timeout: or(
    duration(1, {
      description: "How long it may take until it is ended, with everything that it has started.",
      default: "30s",
      examples: ["30s"]
    }),
    "30s"
  ),
  required: or(
    Schema.Boolean.annotate({
      expected: "true or false",
      description:
        "Whether its failure is jiji's too (exit code 1). On run.started it then stops the run before anything is touched.",
      default: false
    }),
    false
  )
}).annotate({
  description: "A command that is run on this machine when something happens in a run ([hooks](hooks.md))."
})
