import { Effect, Result, Schema } from "effect"
import { splitCommand } from "./aliases.ts"
import { anyText, checkedText, scalar, secretName, text } from "./fields.ts"
import { child, descend, entries, items, type Located, written } from "./Located.ts"
import type { KeyPath } from "./Problem.ts"
import {
  cronFault,
  defaultSecret,
  inputFault,
  RunEvent,
  sourceKeys,
  timeZoneFault,
  type Trigger,
  type TriggerSource,
  type TriggerStart,
  wordFault
} from "./Trigger.ts"
import { joinWords } from "../core/text.ts"
import { suggest } from "./suggest.ts"

const optional = Schema.optionalKey

/** A pattern, or a list of patterns. */
const patterns = (description: string, example: string) =>
  optional(
    Schema.Union([Schema.String, Schema.Array(Schema.String)]).annotate({
      description: `${description} A pattern or a list of them: \`*\` matches any text without \`/\`, \`**\` any text.`,
      expected: "a pattern such as release/*, or a list of patterns",
      examples: [example]
    })
  )

const secret = (description: string) =>
  secretName({ description, default: defaultSecret }).pipe(Schema.withDecodingDefaultKey(Effect.succeed(defaultSecret)))

const push = (sender: string, description: string) =>
  optional(
    Schema.Struct({
      secret: secret(description),
      push: patterns("Branches whose pushes start a run. Default: all, unless `tag` is set.", "main"),
      tag: patterns("Tags whose pushes start a run. Default: none.", "v*")
    }).annotate({ description: `Starts a run when somebody pushes to a repository on ${sender}.` })
  )

const images = (sender: string, description: string) =>
  optional(
    Schema.Struct({
      secret: secret(description),
      image: patterns("Names of images, without the registry. Default: all.", "acme/shop-web"),
      tag: patterns("Tags of images. Default: all.", "v*")
    }).annotate({ description: `Starts a run when somebody pushes an image to ${sender}.` })
  )

/** A character that no command has. */
const dollar = "\uE000"

/** Splits a command into words. A dollar sign is a reference here, where a shell would expand it. */
const splitRun = (line: string) =>
  Result.map(splitCommand(line.replaceAll("$", dollar)), (words) => words.map((word) => word.replaceAll(dollar, "$")))

/** The schema of a trigger in deploy.yml. */
export const TriggerSchema = Schema.Struct({
  cron: optional(
    checkedText(cronFault, {
      description:
        "Starts a run at these times: minute, hour, day of the month, month and day of the week. A time that passed while jiji serve was down is made up for, once.",
      examples: ["0 3 * * *"]
    })
  ),
  time_zone: optional(
    checkedText(timeZoneFault, { description: "Time zone of `cron`. Default: UTC.", examples: ["Europe/Berlin"] })
  ),
  github: push("GitHub", "Name of the secret that is also the webhook's secret at GitHub."),
  gitlab: push("GitLab", "Name of the secret that is also the webhook's signing token or secret token at GitLab."),
  gitea: push("Gitea or Forgejo", "Name of the secret that is also the webhook's secret there."),
  docker_hub: images("Docker Hub", "Name of the secret at the end of the URL that Docker Hub calls."),
  registry: images(
    "a registry that sends notifications, such as distribution",
    "Name of the secret that the registry sends as `Authorization: Bearer SECRET`."
  ),
  webhook: optional(
    Schema.Struct({ secret: secret("Name of the secret that requests are signed with.") }).annotate({
      description: "Starts a run when a program sends a request that is signed as Standard Webhooks has it."
    })
  ),
  event: optional(
    Schema.Struct({
      on: Schema.Array(RunEvent.annotate({ expected: "run.succeeded, run.failed or run.interrupted" }))
        .check(Schema.isMinLength(1, { expected: "a list with at least one event" }))
        .annotate({ description: "How the other run ends.", examples: [["run.succeeded"]] }),
      of: optional(
        anyText("a command such as deploy, or the name of a pipeline", {
          description: "The other run's command or pipeline. Default: any.",
          examples: ["build"]
        })
      ),
      project: optional(
        anyText("the name of a project", {
          description: "The other run's project, as `GET /api/projects` names it. Default: this project.",
          examples: ["clients/shop"]
        })
      )
    }).annotate({ description: "Starts a run when another one ends." })
  ),
  run: optional(
    Schema.Union([
      Schema.String,
      Schema.Array(scalar()).check(Schema.isMinLength(1, { expected: "a list with at least one word" }))
    ]).annotate({
      expected: "a command, or a list of its words",
      description:
        "Command to run, without `jiji`: a line, or a list of words. `$commit` and `$.field` stand for values of the event.",
      examples: ["deploy --version $commit"]
    })
  ),
  pipeline: optional(
    text("the name of a pipeline in .jiji/pipelines", /^[A-Za-z0-9_][A-Za-z0-9_-]*$/u, {
      description: "Pipeline to run, instead of `run`.",
      examples: ["release"]
    })
  ),
  input: optional(
    Schema.Record(Schema.String, Schema.Unknown).annotate({
      description: "What the pipeline takes, by field. `$commit` and `$.field` stand for values of the event.",
      examples: [{ version: "$commit" }]
    })
  )
}).annotate({
  description: "An event that starts a run in jiji serve ([triggers](triggers.md)). Other commands ignore it."
})

type Written = typeof TriggerSchema.Type

const list = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> | undefined =>
  typeof value === "string" ? [value] : value

/** A push trigger without any filter is one for all branches. */
const pushSource = (source: {
  readonly secret: string
  readonly push?: string | ReadonlyArray<string>
  readonly tag?: string | ReadonlyArray<string>
}) => {
  const tags = list(source.tag) ?? []
  return { secret: source.secret, branches: list(source.push) ?? (tags.length === 0 ? ["**"] : []), tags }
}

const imageSource = (source: {
  readonly secret: string
  readonly image?: string | ReadonlyArray<string>
  readonly tag?: string | ReadonlyArray<string>
}) => {
  const image = list(source.image)
  const tags = list(source.tag)
  return { secret: source.secret, ...(image !== undefined && { image }), ...(tags !== undefined && { tags }) }
}

/** The source of a trigger. {@link checkTriggers} refuses a trigger without one. */
const sourceOf = (trigger: Written): TriggerSource | undefined => {
  if (trigger.cron !== undefined) return { _tag: "Cron", cron: trigger.cron, timeZone: trigger.time_zone ?? "UTC" }
  if (trigger.github !== undefined) return { _tag: "GitHub", ...pushSource(trigger.github) }
  if (trigger.gitlab !== undefined) return { _tag: "GitLab", ...pushSource(trigger.gitlab) }
  if (trigger.gitea !== undefined) return { _tag: "Gitea", ...pushSource(trigger.gitea) }
  if (trigger.docker_hub !== undefined) return { _tag: "DockerHub", ...imageSource(trigger.docker_hub) }
  if (trigger.registry !== undefined) return { _tag: "Registry", ...imageSource(trigger.registry) }
  if (trigger.webhook !== undefined) return { _tag: "Webhook", ...trigger.webhook }
  return trigger.event === undefined ? undefined : { _tag: "Event", ...trigger.event }
}

const startOf = ({ input, pipeline, run }: Written): TriggerStart =>
  pipeline !== undefined
    ? { _tag: "Pipeline", pipeline, input: input ?? {} }
    : {
        _tag: "Command",
        words: typeof run === "string" ? Result.getOrElse(splitRun(run), () => []) : (run ?? [])
      }

/** The triggers of deploy.yml. */
export const resolveTriggers = (triggers: ReadonlyArray<readonly [string, Written]>): ReadonlyArray<Trigger> =>
  triggers.flatMap(([name, trigger]) => {
    const source = sourceOf(trigger)
    return source === undefined ? [] : [{ name, source, start: startOf(trigger) }]
  })

/** A trigger by the keys of deploy.yml. */
export const describeTrigger = ({ source, start }: Trigger): Readonly<Record<string, unknown>> => {
  const started = start._tag === "Command" ? { run: start.words } : { pipeline: start.pipeline, input: start.input }
  switch (source._tag) {
    case "Cron":
      return { cron: source.cron, time_zone: source.timeZone, ...started }
    case "GitHub":
    case "GitLab":
    case "Gitea":
      return {
        [sourceKeys[source._tag]]: { secret: source.secret, push: source.branches, tag: source.tags },
        ...started
      }
    case "DockerHub":
    case "Registry": {
      const { _tag, tags, ...rest } = source
      return { [sourceKeys[_tag]]: { ...rest, ...(tags !== undefined && { tag: tags }) }, ...started }
    }
    default: {
      const { _tag, ...rest } = source
      return { [sourceKeys[_tag]]: rest, ...started }
    }
  }
}

type Report = (path: KeyPath, message: string) => void

const isTag = (tag: string): tag is TriggerSource["_tag"] => Object.hasOwn(sourceKeys, tag)
const tags = Object.keys(sourceKeys).filter(isTag)

/** Reports references that a source does not have, at any depth of an input. */
const checkInput = (source: TriggerSource["_tag"], node: Located | undefined, path: KeyPath, report: Report): void => {
  for (const [key, value] of entries(node)) checkInput(source, value, [...path, key], report)
  for (const [index, value] of items(node).entries()) checkInput(source, value, [...path, index], report)
  if (node?._tag !== "Scalar" || typeof node.value !== "string") return
  const fault = inputFault(source, node.value)
  if (fault !== undefined) report(path, fault)
}

/** The commands that a trigger can start. `jiji serve` refuses `remove`, and says why. */
const startable = ["deploy", "rollback", "start", "stop", "restart", "maintenance", "prune", "run"]

/** Why a trigger cannot start a command. A reference is only known when something happens. */
const commandFault = (command: string): string | undefined => {
  if (command === "remove" || startable.includes(command) || command.includes("$")) return undefined
  const near = suggest(command, startable)
  const help = near === undefined ? `use ${joinWords(startable, "or")}` : `did you mean \`${near}\`?`
  return `a trigger cannot start ${JSON.stringify(command)}; ${help}`
}

const checkRun = (source: TriggerSource["_tag"], node: Located | undefined, path: KeyPath, report: Report): void => {
  const line = written(node)
  const words = line === undefined ? Result.succeed(items(node).flatMap((item) => written(item) ?? [])) : splitRun(line)
  if (Result.isFailure(words)) return report(path, words.failure)
  const [command] = words.success
  const commandProblem = command === undefined ? undefined : commandFault(command)
  if (commandProblem !== undefined) report(path, commandProblem)
  for (const word of words.success) {
    const fault = wordFault(source, word)
    if (fault !== undefined) report(path, fault)
  }
}

/** Reports triggers without a source, or with several, and references that the source does not have. */
export const checkTriggers = (root: Located, report: Report): void => {
  for (const [name, trigger] of entries(child(root, "triggers"))) {
    if (trigger._tag !== "Map") continue
    const path = ["triggers", name]
    const has = (key: string) => child(trigger, key) !== undefined
    const [source, second] = tags.filter((tag) => has(sourceKeys[tag]))
    if (source === undefined) {
      report(path, `needs one of ${joinWords(Object.values(sourceKeys), "or")}: what starts a run`)
      continue
    }
    if (second !== undefined) {
      report(path, `has both ${sourceKeys[source]} and ${sourceKeys[second]}; make a trigger of each`)
      continue
    }
    if (has("time_zone") && source !== "Cron") report([...path, "time_zone"], "belongs to cron; remove it")
    if (has("run") === has("pipeline")) report(path, "needs either run, a command, or pipeline, the name of one")
    if (has("input") && !has("pipeline")) report([...path, "input"], "belongs to pipeline; write flags into run")
    checkRun(source, descend(trigger, ["run"]), [...path, "run"], report)
    checkInput(source, descend(trigger, ["input"]), [...path, "input"], report)
  }
}
