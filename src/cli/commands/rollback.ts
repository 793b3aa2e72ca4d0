import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { isTag } from "../../config/ImageReference.ts"
import { select } from "../../config/select.ts"
import { plural } from "../../core/text.ts"
import { rollback, type RollbackInput } from "../../steps/RollbackPipeline.ts"
import { dryRunFlag, globFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runDry } from "../runDry.ts"
import { runLive } from "../runLive.ts"

/** `jiji rollback`. */
export const command = Command.make(
  "rollback",
  {
    version: Argument.String("version").pipe(
      Argument.withDescription(
        "Version to go back to, as `jiji versions` lists it (default: the one before the last deploy)"
      ),
      Argument.filter(isTag, () => "a version that `jiji versions` lists"),
      Argument.optional
    ),
    ...projectFlags,
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    wait: waitFlag,
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, services, version, wait }) {
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts, services })
    const input: RollbackInput = {
      project,
      ...optionalProperty("requestedVersion", version),
      ...optionalProperty("waitForLock", wait)
    }
    if (!dryRun) return void (yield* runLive(rollback, input, { json }))
    const target = Option.match(version, { onNone: () => "the previous version", onSome: (name) => `version ${name}` })
    const heading = [
      `Dry run: roll back ${project.name} to ${target} on ${plural(project.servers.length, "server")}.`,
      "Nothing is changed and no connection is made.",
      "Only the servers know the image and the configuration of that version; the commands below use those in deploy.yml."
    ]
    yield* runDry(rollback, input, { json, heading })
  })
).pipe(
  Command.withDescription(descriptions.rollback),
  Command.withExamples([
    { command: "jiji rollback", description: "Undo the last deploy" },
    {
      command: "jiji rollback 4c1d9e0",
      description: "Go back, or forward again, to a version that `jiji versions` lists"
    },
    { command: "jiji rollback -S web -H 'web*'", description: "Roll back one service on some servers" }
  ])
)
