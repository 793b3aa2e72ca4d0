import { Effect } from "effect"
import { defineError } from "../core/defineError.ts"
import { Scrubber } from "../core/Scrubber.ts"
import { planLines } from "../reporters/planLines.ts"
import type { PlanReport } from "../steps/PlanPipeline.ts"
import type { RunInput } from "../steps/Runnable.ts"
import { ask } from "./confirm.ts"
import { lookAtPlan } from "./lookAtPlan.ts"
import { Resuming } from "./Resuming.ts"
import { Terminal } from "./process/Terminal.ts"

/** `--confirm` must ask before a deploy, but there is no terminal, or --json was given. */
export class PlanNotConfirmed extends defineError<PlanNotConfirmed>()("PlanNotConfirmed", {
  fields: {},
  message: "jiji cannot ask for confirmation here, so it deploys nothing.",
  remedy: "Add --yes to deploy without the question, or use `jiji plan` to see what a deploy would do.",
  exitCode: "usage",
  sample: {}
}) {}

/** Whether a deploy can change something: also if only a pull shows that. */
const mayChange = ({ changes, servers }: PlanReport, removeOrphans: boolean): boolean =>
  changes ||
  servers.some(
    ({ containers, orphans }) =>
      containers.some(({ unless }) => unless !== undefined) ||
      (removeOrphans && orphans.some(({ removable }) => removable))
  )

/** Shows what a deploy would do, and asks. Returns whether to go on. */
export const confirmPlan = Effect.fnUntraced(function* (
  input: RunInput,
  { json, yes }: { readonly json: boolean; readonly yes: boolean }
) {
  // A resumed run was confirmed when it began.
  if ((yield* Resuming) !== undefined) return true
  const terminal = yield* Terminal
  if (!yes && (json || !terminal.isInteractive)) return yield* new PlanNotConfirmed()
  // The events of the deploy have its plan, too.
  if (json) return true
  const report = yield* lookAtPlan(input)
  const scrubber = yield* Scrubber
  terminal.write(`${planLines(report, terminal, input.removeOrphans).map(scrubber.text).join("\n").trimEnd()}\n\n`)
  if (!mayChange(report, input.removeOrphans === true)) return false
  const { name, servers } = input.project
  const question = `Deploy ${name} to ${servers.map((server) => server.name).join(", ")}?`
  const goesOn = yes || (yield* ask(question))
  if (!goesOn) terminal.write("Nothing was deployed.\n")
  return goesOn
})
