import { type Duration, Effect, Schema } from "effect"
import { duration } from "./duration.ts"
import { scalar, secretName, text } from "./fields.ts"

/** The events that a hook can run on, and their tags: the start and end of runs and steps, but not output and progress. */
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

/** The name of an event in deploy.yml. */
export type HookEvent = keyof typeof hookEvents

/** A command that runs on this machine when an event occurs. */
export interface Hook {
  readonly name: string
  readonly on: ReadonlyArray<HookEvent>
  readonly command: ReadonlyArray<string>
  /** A pattern for the path of the node. `*` matches any part of a name, `**` matches anything. */
  readonly only?: string
  readonly environment: {
    readonly clear: Readonly<Record<string, string>>
    readonly secrets: ReadonlyArray<string>
  }
  readonly timeout: Duration.Duration
  /** If true, jiji fails when the hook fails. */
  readonly required: boolean
}

/** Rejects the variables in which jiji passes the event to the hook. */
const own = (name: string): string | undefined =>
  name.startsWith("JIJI_") ? `${name} is reserved for jiji; choose another name` : undefined

const notOwn = Schema.makeFilter(own, { toJsonSchema: () => [{}, true] })

const ownVariable = text(
  "a variable name of letters, digits and _ that does not start with JIJI_, such as CHANNEL",
  /^(?!JIJI_)[A-Za-z_][A-Za-z0-9_]*$/u
)

const or = <S extends Schema.Top>(schema: S, value: S["Encoded"]) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))

// The keys of the record, in this order in the documentation. Object.keys returns only string[].
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

/** The schema of a hook in deploy.yml. */
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
