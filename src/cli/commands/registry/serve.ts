import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { LocalRegistry } from "../../../layers/registry/LocalRegistry.ts"
import { defineError } from "../../../core/defineError.ts"
import { projectFlags } from "../../flags.ts"
import { loadProject } from "../../loadProject.ts"
import { Terminal } from "../../process/Terminal.ts"
import { RunLayers } from "../../RunLayers.ts"

/** The project uses a remote registry, which jiji does not serve. */
export class NothingToServe extends defineError<NothingToServe>()("NothingToServe", {
  fields: { project: Schema.String, server: Schema.String },
  message: (e) => `The registry of ${e.project} is ${e.server}, so there is nothing to serve.`,
  remedy: "Servers connect to it directly; `jiji registry status` shows whether it answers.",
  exitCode: "usage",
  sample: { project: "shop", server: "ghcr.io" }
}) {}

/** `jiji registry serve`. */
export const command = Command.make(
  "serve",
  projectFlags,
  Effect.fnUntraced(function* (flags) {
    const { live } = yield* RunLayers
    const { write } = yield* Terminal
    const project = yield* loadProject(flags)
    const { registry } = project
    if (registry.type === "remote") {
      return yield* new NothingToServe({ project: project.name, server: registry.server })
    }
    if (registry.container !== undefined) {
      return write(`The registry of ${project.name} runs in a container; there is nothing to serve.\n`)
    }
    return yield* Effect.gen(function* () {
      const { port } = yield* (yield* LocalRegistry).serve({ port: registry.port, exact: true })
      const lines = [
        `Serving the local registry at http://localhost:${port}/v2/, read-only and on this machine only.`,
        `To forward it to a server: ssh -R 127.0.0.1:${port}:127.0.0.1:${port} USER@SERVER`,
        "Press Ctrl-C to stop."
      ]
      write(`${lines.join("\n")}\n`)
      return yield* Effect.never
    }).pipe(Effect.scoped, Effect.provide(live(project)))
  })
).pipe(
  Command.withDescription("Serve the local registry, read-only, until Ctrl-C"),
  Command.withExamples([
    { command: "jiji registry serve", description: "Serve the stored images, to pull them by hand on a server" }
  ])
)
