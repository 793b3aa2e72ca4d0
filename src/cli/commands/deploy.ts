import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { deploy } from "../../steps/DeployPipeline.ts"
import { deployAndRemoveOrphans } from "../../steps/RemoveOrphans.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { formatWarning, OnGitHub } from "../github.ts"
import { writeStderr } from "../process/stderr.ts"
import { confirmPlan } from "../confirmPlan.ts"
import { optionalProperty, waitFlag } from "../flags.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runFlags, runOnProject } from "../projectCommand.ts"

/** `jiji deploy`. */
export const command = Command.make(
  "deploy",
  {
    ...runFlags,
    wait: waitFlag,
    confirm: Flag.Boolean("confirm").pipe(
      Flag.withDescription("Show the plan first, as `jiji plan` does, and ask"),
      Flag.withDefault(false)
    ),
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("With --confirm: do not ask"), Flag.withDefault(false)),
    removeOrphans: Flag.Boolean("remove-orphans").pipe(
      Flag.withDescription(
        "Also remove services that are no longer in deploy.yml, or no longer on this server; volumes stay"
      ),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ confirm, removeOrphans, wait, yes, ...flags }) {
    if (removeOrphans && flags.hosts.length > 0) {
      return yield* new ConflictingFlags({ flags: ["--remove-orphans", "--hosts"] })
    }
    if (removeOrphans && flags.services.length > 0) {
      return yield* new ConflictingFlags({ flags: ["--remove-orphans", "--services"] })
    }
    if (yes && !confirm) {
      const text = "--yes does nothing without --confirm: a deploy does not ask by itself."
      yield* writeStderr(formatWarning(yield* OnGitHub, text))
    }
    yield* runOnProject(
      removeOrphans ? deployAndRemoveOrphans : deploy,
      flags,
      { ...(removeOrphans && { removeOrphans }), ...optionalProperty("waitForLock", wait) },
      (project) => `deploy ${project} to`,
      undefined,
      confirm ? (input) => confirmPlan(input, { json: flags.json, yes }) : undefined
    )
  })
).pipe(
  Command.withDescription(descriptions.deploy),
  Command.withExamples([
    { command: "jiji deploy", description: "Deploy everything in .jiji/deploy.yml" },
    { command: "jiji deploy -e staging", description: "Deploy with .jiji/deploy.staging.yml merged on top" },
    { command: "jiji deploy -H 'web*' -S api", description: "Deploy one service to some servers" },
    { command: "jiji deploy --confirm", description: "Show what would change, and ask before it does" },
    { command: "jiji deploy --remove-orphans", description: "Also remove services that deploy.yml no longer has" },
    { command: "jiji deploy --wait 5m", description: "Wait for another deploy to end, then deploy" },
    { command: "jiji deploy --dry-run", description: "Print every command that a deploy would run" },
    { command: "jiji deploy --json | jq -r .path", description: "Process the events in another program" }
  ])
)
