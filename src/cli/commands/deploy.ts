import { Command } from "effect/cli"
import { deploy } from "../../steps/DeployPipeline.ts"
import { runFlags, runOnProject } from "../projectCommand.ts"
import type { RunLayers } from "../RunLayers.ts"

/** `jiji deploy`. */
export const command = <R>(layers: RunLayers<R>) =>
  Command.make("deploy", runFlags, (flags) =>
    runOnProject(layers, deploy, flags, {}, (project) => `deploying ${project} to`)
  ).pipe(
    Command.withDescription("Build, ship and start the project's containers on its servers"),
    Command.withExamples([
      { command: "jiji deploy", description: "Deploy everything in .jiji/deploy.yml" },
      { command: "jiji deploy -e staging", description: "Deploy to the servers of .jiji/deploy.staging.yml" },
      { command: "jiji deploy -H 'web*' -S api", description: "Deploy one service to some servers" },
      { command: "jiji deploy --dry-run", description: "Show every command that a deploy would run" },
      { command: "jiji deploy --json | jq -r .path", description: "Read what happens, in a program" }
    ])
  )
