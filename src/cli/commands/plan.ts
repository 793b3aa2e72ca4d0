import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Scrubber } from "../../core/Scrubber.ts"
import { plural } from "../../core/text.ts"
import { prettyJson } from "../../reporters/json.ts"
import { planJson, planLines } from "../../reporters/planLines.ts"
import { plan } from "../../steps/PlanPipeline.ts"
import { lookAtPlan } from "../lookAtPlan.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { CommandExited } from "../process/exit.ts"
import { Terminal } from "../process/Terminal.ts"
import { runFlags, selectInput } from "../projectCommand.ts"
import { runDry } from "../runDry.ts"

/** The exit code if a deploy would change something. */
const somethingToDo = 3

/** `jiji plan`. */
export const command = Command.make(
  "plan",
  {
    ...runFlags,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the plan as JSON; with --dry-run, the events"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ dryRun, json, ...flags }) {
    const input = yield* selectInput(flags)
    if (dryRun) {
      const heading = `Dry run: look at ${plural(input.project.servers.length, "server")} of ${input.project.name}.`
      return yield* runDry(plan, input, { json, heading: [heading, "No connection is made."] })
    }
    const report = yield* lookAtPlan(input)
    const terminal = yield* Terminal
    const text = json ? prettyJson(planJson(report)) : planLines(report, terminal).join("\n")
    terminal.write(`${(yield* Scrubber).text(text.trimEnd())}\n`)
    if (report.changes) return yield* Effect.fail(new CommandExited({ code: somethingToDo }))
  })
).pipe(
  Command.withDescription(
    `${descriptions.plan}. Exits with 0 if there is nothing to do, and with ${somethingToDo} if there is.`
  ),
  Command.withExamples([
    { command: "jiji plan", description: "Show what `jiji deploy` would do on every server" },
    { command: "jiji plan -e staging -S web", description: "The same for one service of an environment" },
    { command: "jiji plan --json | jq .changes", description: "Check whether the servers are up to date" }
  ])
)
