import { Effect } from "effect"
import { Command } from "effect/cli"
import type { Project } from "../../config/Project.ts"
import { Processes } from "../../layers/processes/Processes.ts"
import * as Sandbox from "../../sandbox/Sandbox.ts"
import { containerName, replicaNumbers } from "../../steps/Plan.ts"
import { loadProject } from "../loadProject.ts"
import { Terminal } from "../process/Terminal.ts"

/** The names of the project's containers on this machine. Fails if the engine does not list them soon. */
const listContainers = Effect.fnUntraced(function* ({ engine, name }: Project) {
  const { exitCode, stdout } = yield* (yield* Processes).run({
    words: [engine, "ps", "--all", "--filter", `label=jiji.project=${name}`, "--format", "{{.Names}}"],
    limit: { after: "5 seconds", noteAfter: "5 seconds" }
  })
  return exitCode === 0 ? stdout.split("\n").filter((line) => line !== "") : yield* Effect.fail("not listed")
})

/** What is left on this machine when the sandbox ends. */
const leftoversText = (project: Project) => {
  const remove = (names: ReadonlyArray<string>) => `To remove them: ${project.engine} rm --force ${names.join(" ")}`
  return listContainers(project).pipe(
    Effect.map((names) =>
      names.length === 0
        ? `No containers of ${project.name} are left on this machine.`
        : `The containers of ${project.name} are still on this machine. ${remove(names)}`
    ),
    Effect.orElseSucceed(() => {
      const names = project.services.flatMap((service) =>
        replicaNumbers(service).map((replica) => containerName(project, service, replica))
      )
      return `Containers that you deployed, if any, are still on this machine. ${remove(names)}`
    })
  )
}

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
    yield* Effect.addFinalizer(() => Effect.map(leftoversText(project), (text) => write(`\n${text}\n`)))
    return yield* Effect.never
  }, Effect.scoped)
).pipe(Command.withDescription("Start a temporary SSH server on this machine, to try deploys without a real server"))
