import { Effect } from "effect"
import { Command, Flag, Prompt } from "effect/cli"
import type { LocalRegistryConfig, Project } from "../../../config/Project.ts"
import { LocalRegistry } from "../../../layers/registry/LocalRegistry.ts"
import { local, remote } from "../../../layers/shell/Machine.ts"
import { containerName, RegistryContainer } from "../../../layers/registryContainer/RegistryContainer.ts"
import { defineError } from "../../../core/defineError.ts"
import { logout } from "../../../steps/RegistryPipelines.ts"
import { closing } from "../../process/stderr.ts"
import { json, project } from "../../flags.ts"
import { open } from "../../loadProject.ts"
import { show } from "../../runLive.ts"
import type { RegistryLayers } from "./layers.ts"
import { places } from "./machineNames.ts"
import { bytes } from "../../../core/units.ts"

/** The command must ask before it deletes images, but there is no terminal, or --json was given. */
export class NotConfirmed extends defineError<NotConfirmed>()("NotConfirmed", {
  fields: {},
  message: "This command deletes stored images, and it cannot ask for confirmation here.",
  remedy: "Use --yes to delete them without confirmation.",
  exitCode: "usage",
  sample: {}
}) {}

/** Asks a person; `yes` stands for the answer. */
const sure = (message: string, yes: boolean) =>
  yes
    ? Effect.succeed(true)
    : Effect.catchTag(Prompt.run(Prompt.Confirm({ message })), "QuitError", () => Effect.interrupt)

const removeBuiltin = Effect.fnUntraced(function* (yes: boolean) {
  const registry = yield* LocalRegistry
  const folder = yield* registry.folder
  const { size } = yield* registry.contents
  if (size === 0) return "The local registry holds no images."
  const what = `${bytes(size)} of images in ${folder}, of all projects`
  if (!(yield* sure(`Remove ${what}? Servers keep theirs.`, yes))) return "Nothing was removed."
  yield* registry.clear
  return `Removed ${what}.`
})

const removeContainer = Effect.fnUntraced(function* ({ engine }: Project, yes: boolean) {
  const containers = yield* RegistryContainer
  if (!(yield* sure(`Remove the container ${containerName}?`, yes))) return "Nothing was removed."
  const images = yield* sure(`Remove its images, of all projects, too? They are in the volume ${containerName}.`, yes)
  const removed = yield* containers.remove(engine, images)
  if (!removed) return `There is no container ${containerName}.`
  return images
    ? `Removed the container ${containerName} and its images.`
    : `Removed the container ${containerName}; its images are still in the volume ${containerName}.`
})

const removeLocal = Effect.fnUntraced(function* (loaded: Project, { container }: LocalRegistryConfig, yes: boolean) {
  return container === undefined ? yield* removeBuiltin(yes) : yield* removeContainer(loaded, yes)
})

/** `jiji registry remove`. */
export const command = <R>(layers: RegistryLayers<R>) =>
  Command.make(
    "remove",
    {
      ...project,
      json,
      yes: Flag.Boolean("yes").pipe(Flag.withDescription("Removes without asking"), Flag.withDefault(false))
    },
    Effect.fnUntraced(function* ({ json, yes, ...flags }) {
      const loaded = yield* open(flags)
      const { registry } = loaded
      if (registry.type === "remote") {
        const machines = [local, ...loaded.servers.map(remote)]
        yield* show(layers, logout, { project: loaded, registry, machines }, { json })
        return yield* closing(layers.write, { json }, `Logged out of ${registry.server} on ${places(machines)}.\n`)
      }
      if (!yes && (json || !layers.interactive)) return yield* new NotConfirmed()
      const said = yield* Effect.provide(removeLocal(loaded, registry, yes), layers.live(loaded))
      return yield* closing(layers.write, { json }, `${said}\n`)
    })
  ).pipe(
    Command.withDescription(
      "Remove what the local registry holds; of a remote one, log out this machine and every server, as `logout` does"
    ),
    Command.withExamples([
      { command: "jiji registry remove", description: "Ask, and remove all stored images of this machine" },
      { command: "jiji registry remove --yes", description: "The same, without asking" }
    ])
  )
