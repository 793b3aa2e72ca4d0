import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import type { LocalRegistryConfig, Project } from "../../../config/Project.ts"
import { LocalRegistry } from "../../../layers/registry/LocalRegistry.ts"
import { containerName, RegistryContainer } from "../../../layers/registryContainer/RegistryContainer.ts"
import { logout } from "../../../steps/RegistryPipelines.ts"
import { printResult } from "../../process/Terminal.ts"
import { ask, requireConfirmation } from "../../confirm.ts"
import { RunLayers } from "../../RunLayers.ts"
import { jsonFlag, projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { runLive } from "../../runLive.ts"
import { machineNames, registryMachines } from "./machineNames.ts"
import { formatBytes } from "../../../core/units.ts"

/** Asks a question, unless the answer is given with --yes. */
const confirm = (message: string, yes: boolean) => (yes ? Effect.succeed(true) : ask(message))

const removeBuiltin = Effect.fnUntraced(function* (yes: boolean) {
  const registry = yield* LocalRegistry
  const folder = yield* registry.folder
  const { size } = yield* registry.contents
  if (size === 0) return "The local registry has no images."
  const images = `the images of all projects in ${folder} (${formatBytes(size)})`
  if (!(yield* confirm(`Remove ${images}? Images on servers are kept.`, yes))) return "Nothing was removed."
  yield* registry.clear
  return `Removed ${images}.`
})

const removeContainer = Effect.fnUntraced(function* ({ engine }: Project, yes: boolean) {
  const containers = yield* RegistryContainer
  if (!(yield* confirm(`Remove the container ${containerName}?`, yes))) return "Nothing was removed."
  const withImages = yield* confirm(`Also remove the images of all projects, in the volume ${containerName}?`, yes)
  const removed = yield* containers.remove(engine, withImages)
  if (!removed) return `There is no container ${containerName}.`
  return withImages
    ? `Removed the container ${containerName} and its images.`
    : `Removed the container ${containerName}. Its images are still in the volume ${containerName}.`
})

const removeLocal = Effect.fnUntraced(function* (project: Project, { container }: LocalRegistryConfig, yes: boolean) {
  return container === undefined ? yield* removeBuiltin(yes) : yield* removeContainer(project, yes)
})

/** `jiji registry remove`. */
export const command = Command.make(
  "remove",
  {
    ...projectFlags,
    json: jsonFlag,
    yes: Flag.Boolean("yes").pipe(Flag.withDescription("Remove without asking"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ json, yes, ...flags }) {
    const { live } = yield* RunLayers
    const project = yield* loadProject(flags)
    const { registry } = project
    if (registry.type === "remote") {
      const machines = registryMachines(project)
      yield* runLive(logout, { project, registry, machines }, { json })
      return yield* printResult(`Logged out of ${registry.server} on ${machineNames(machines)}.\n`, { json })
    }
    yield* requireConfirmation("stored images", { json, yes })
    const result = yield* Effect.provide(removeLocal(project, registry, yes), live(project))
    return yield* printResult(`${result}\n`, { json })
  })
).pipe(
  Command.withDescription("Remove all images of the local registry, or log out of a remote one on every machine"),
  Command.withExamples([
    { command: "jiji registry remove", description: "Remove all images stored on this machine, after asking" },
    { command: "jiji registry remove --yes", description: "Remove them without asking" }
  ])
)
