import { Command } from "effect/cli"
import { deploy } from "../../steps/DeployPipeline.ts"
import { optionalProperty, waitFlag } from "../flags.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runFlags, runOnProject } from "../projectCommand.ts"

/** `jiji deploy`. */
export const command = Command.make("deploy", { ...runFlags, wait: waitFlag }, ({ wait, ...flags }) =>
  runOnProject(deploy, flags, optionalProperty("waitForLock", wait), (project) => `deploy ${project} to`)
).pipe(
  Command.withDescription(descriptions.deploy),
  Command.withExamples([
    { command: "jiji deploy", description: "Deploy everything in .jiji/deploy.yml" },
    { command: "jiji deploy -e staging", description: "Deploy with .jiji/deploy.staging.yml merged on top" },
    { command: "jiji deploy -H 'web*' -S api", description: "Deploy one service to some servers" },
    { command: "jiji deploy --wait 5m", description: "Wait for another deploy to end, then deploy" },
    { command: "jiji deploy --dry-run", description: "Print every command that a deploy would run" },
    { command: "jiji deploy --json | jq -r .path", description: "Process the events in another program" }
  ])
)
