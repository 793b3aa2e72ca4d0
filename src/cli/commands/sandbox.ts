import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Sandbox from "../../sandbox/Sandbox.ts"
import { containerName } from "../../steps/Plan.ts"
import { loadProject } from "../loadProject.ts"
import { Terminal } from "../process/Terminal.ts"

/** `jiji sandbox`. */
export const command = Command.make(
  "sandbox",
  {},
  Effect.fnUntraced(function* () {
    const { write } = yield* Terminal
    const project = yield* loadProject({})
    const sandbox = yield* Sandbox.make(project)
    const lines = [
      `A temporary SSH server listens on 127.0.0.1:${sandbox.port}. Deploys to it run on this machine, as ${sandbox.user}.`,
      "In another terminal: jiji deploy -e sandbox",
      "Press Ctrl-C to stop it and delete the files that it created."
    ]
    write(`${lines.join("\n")}\n`)
    const containers = project.services.map((service) => containerName(project, service)).join(" ")
    yield* Effect.addFinalizer(() =>
      Effect.sync(() =>
        write(
          `\nContainers that you deployed, if any, are still on this machine. To remove them: ${project.engine} rm --force ${containers}\n`
        )
      )
    )
    return yield* Effect.never
  }, Effect.scoped)
).pipe(Command.withDescription("Start a temporary SSH server on this machine, to try deploys without a real server"))
