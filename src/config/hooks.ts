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

/** jiji tells a hook of the event in these. */
const own = (name: string): string | undefined =>
  name.startsWith("JIJI_") ? `${name} is one of jiji's own variables; choose another name` : undefined

const notOwn = Schema.makeFilter(own, { toJsonSchema: () => [{}, true] })

const ownVariable = text(
  "a variable's name of letters, digits and _ that does not begin with JIJI_, such as CHANNEL",
  /^(?!JIJI_)[A-Za-z_][A-Za-z0-9_]*$/u
)

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

// A record of its keys, whose order is that of the documentation.
const names = Object.keys(hookEvents) as ReadonlyArray<HookEvent>

const Environment = Schema.Struct({
  clear: or(
    Schema.Record(ownVariable, scalar()).annotate({
      description: "Variables with literal values.",
      default: {}
    }),
    {}
  ),
  secrets: or(
    Schema.Array(secretName().check(notOwn)).annotate({
      description: "Names of secrets. Each sets the variable of that name.",
      default: []
    }),
    []
  )
}).annotate({ description: "Environment of the command, in addition to jiji's own." })

/** A hook of deploy.yml. */
export const HookSchema = Schema.Struct({
  on: Schema.Array(
    Schema.Literals(names).annotate({ expected: "an event such as run.succeeded, run.failed or step.failed" })
  )
    .check(Schema.isMinLength(1, { expected: "a list with at least one event" }))
    .annotate({
      description: "Events that run the command.",
      examples: [["run.succeeded", "run.failed"]]
    }),
  command: Schema.Array(scalar())
    .check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
    .annotate({
      description:
        "Command to run, as a list of words. It runs on this machine, in the project's folder, without a shell.",
      examples: [["bin/notify", "deploys"]]
    }),
  only: Schema.optionalKey(
    text("a pattern of paths such as deploy/servers[*]", /\S/u, {
      description:
        "For step events: pattern of the paths to match. `*` matches any part of a name, `**` anything. Default: all steps, but not the pipelines and servers around them.",
      examples: ["deploy/servers[*]"]
    })
  ),
  environment: or(Environment, {}),
  timeout: or(
    duration(1, {
      description: "Time limit. After it, jiji kills the command and its children.",
      default: "30s",
      examples: ["30s"]
    }),
    "30s"
  ),
  required: or(
    Schema.Boolean.annotate({
      expected: "true or false",
      description:
        "If true, jiji exits with 1 when the hook fails. On run.started, the run then stops before anything changes.",
      default: false
    }),
    false
  )
}).annotate({
  description: "A command to run on this machine when something happens in a run ([hooks](hooks.md))."
})
