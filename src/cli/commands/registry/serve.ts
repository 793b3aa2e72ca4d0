import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { LocalRegistry } from "../../../layers/registry/LocalRegistry.ts"
import { defineError } from "../../../core/defineError.ts"
import { project } from "../../flags.ts"
import { open } from "../../loadProject.ts"
import type { RegistryLayers } from "./layers.ts"

/** The project uses a remote registry, which jiji does not serve. */
export class NothingToServe extends defineError<NothingToServe>()("NothingToServe", {
  fields: { project: Schema.String, server: Schema.String },
  message: (e) => `The registry of ${e.project} is ${e.server}, so there is nothing to serve.`,
  remedy: "Servers connect to it directly; `jiji registry status` shows whether it answers.",
  exitCode: "usage",
  sample: { project: "shop", server: "ghcr.io" }
}) {}

/** `jiji registry serve`. */
export const command = <R>({ live, write }: RegistryLayers<R>) =>
  Command.make(
    "serve",
    project,
    Effect.fnUntraced(function* (flags) {
      const loaded = yield* open(flags)
      const { registry } = loaded
      if (registry.type === "remote") {
        return yield* new NothingToServe({ project: loaded.name, server: registry.server })
      }
      if (registry.container !== undefined) {
        return write(`The registry of ${loaded.name} is a container, which serves by itself.\n`)
      }
      return yield* Effect.gen(function* () {
        const { port } = yield* (yield* LocalRegistry).serve({ port: registry.port, exact: true })
        const lines = [
          `The local registry is at http://localhost:${port}/v2/, for this machine alone and read-only.`,
          `To a server: ssh -R 127.0.0.1:${port}:127.0.0.1:${port} USER@SERVER`,
          "Ctrl-C ends it."
        ]
        write(`${lines.join("\n")}\n`)
        return yield* Effect.never
      }).pipe(Effect.scoped, Effect.provide(live(loaded)))
    })
  ).pipe(
    Command.withDescription("Keep the local registry open, read-only, until Ctrl-C"),
    Command.withExamples([
      { command: "jiji registry serve", description: "Serve the images of past deploys, for a port forward by hand" }
    ])
  )
