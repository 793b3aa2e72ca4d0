import { Context, Effect, Layer, Option, Schedule } from "effect"
import type { Engine } from "../../config/Project.ts"
import { script } from "../processes/Command.ts"
import registryScript from "./registry.sh" with { type: "text" }
import { reasonFrom } from "../../core/lines.ts"
import { transferLimit } from "../docker/limits.ts"
import { type EngineError, parseEngineError, EngineUnclear } from "../docker/DockerError.ts"
import { local } from "../shell/Machine.ts"
import {
  RegistryContainerElsewhere,
  RegistryContainerForeign,
  RegistryContainerSilent,
  RegistryPortTaken
} from "./RegistryContainerError.ts"
import * as Probe from "../registry/Probe.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"

/** The name of the container, and of the volume in which it stores images. */
export const containerName = "jiji-registry"

/** How long to wait, in seconds, until a started registry answers. */
const readyTimeout = 15

type EnsureError =
  | RegistryContainerElsewhere
  | RegistryContainerForeign
  | RegistryContainerSilent
  | RegistryPortTaken
  | EngineError
  | ShellError

/** A registry in a container on this machine, which several projects can share. */
export class RegistryContainer extends Context.Service<
  RegistryContainer,
  {
    /**
     * Creates or starts the container if necessary, and waits up to 15 seconds until the registry answers. Returns whether
     * it was already running, was stopped, or did not exist.
     */
    ensure(options: {
      readonly engine: Engine
      readonly port: number
      readonly image: string
    }): Effect.Effect<"running" | "started" | "created", EnsureError>
    /** Removes the container, and optionally its images. Returns false if there was nothing to remove. */
    remove(
      engine: Engine,
      withImages: boolean
    ): Effect.Effect<boolean, RegistryContainerForeign | EngineError | ShellError>
  }
>()("jiji/layers/registryContainer/RegistryContainer") {
  static readonly layer = Layer.suspend(() =>
    RegistryContainer.layerWith((port) => Probe.isReady(`http://127.0.0.1:${port}`))
  )
  /** The same with another readiness check, because a recording shell does not start a registry. */
  static readonly layerWith = (isReady: (port: number) => Effect.Effect<boolean>) => make(isReady)
}

const make = (isReady: (port: number) => Effect.Effect<boolean>) =>
  Layer.effect(
    RegistryContainer,
    Effect.gen(function* () {
      const shell = yield* Shell
      const name = containerName

      const run = Effect.fnUntraced(function* (
        engine: Engine,
        operation: string,
        words: readonly [string, ...Array<string>]
      ) {
        // Removing a volume with many images takes time.
        const limit = transferLimit(engine, operation)
        const output = yield* shell.run(local, { words, limit })
        if (output.exitCode !== 0) return yield* parseEngineError({ machine: "local", engine, operation }, output)
        return output.stdout.trim()
      })

      const ensure = Effect.fnUntraced(function* (options: {
        readonly engine: Engine
        readonly port: number
        readonly image: string
      }) {
        const { engine, image, port } = options
        const command = script("registry", registryScript, [engine, name, String(port), image])
        const operation = "run the registry's container"
        // It may pull the image.
        const limit = transferLimit(engine, operation)
        const output = yield* shell.run(local, { ...command, show: "stderr", limit })
        const taken = /port is already allocated|address already in use/i
        if (taken.test(output.stderr)) {
          return yield* new RegistryPortTaken({ port, detail: reasonFrom(output.stderr, taken, 1) })
        }
        if (output.exitCode !== 0) {
          return yield* parseEngineError({ machine: "local", engine, operation, reference: image }, output)
        }
        const [word = "", other = ""] = output.stdout.trim().split(" ")
        if (word === "foreign") return yield* new RegistryContainerForeign({ engine, name })
        if (word === "other") {
          return yield* new RegistryContainerElsewhere({ engine, name, wanted: port, port: Number(other) })
        }
        if (word !== "running" && word !== "started" && word !== "created") {
          return yield* new EngineUnclear({ machine: "local", engine, operation, reason: output.stdout })
        }
        const ready = yield* isReady(port).pipe(
          Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced("50 millis") }),
          Effect.timeoutOption(`${readyTimeout} seconds`)
        )
        if (Option.isNone(ready))
          return yield* new RegistryContainerSilent({ engine, name, port, seconds: readyTimeout })
        return word
      })

      const remove = Effect.fnUntraced(function* (engine: Engine, withImages: boolean) {
        const filter = ["--filter", `name=^${name}$`]
        const all = ["ps", "--all", "--quiet", ...filter]
        const containerId = yield* run(engine, "list containers", [engine, ...all])
        if (containerId !== "") {
          const ownId = yield* run(engine, "list containers", [engine, ...all, "--filter", "label=jiji.registry"])
          if (ownId === "") return yield* new RegistryContainerForeign({ engine, name })
          yield* run(engine, `remove container ${name}`, [engine, "rm", "--force", name])
        }
        if (withImages) {
          const volume = yield* run(engine, "list volumes", [engine, "volume", "ls", "--quiet", ...filter])
          if (volume !== "") yield* run(engine, `remove volume ${name}`, [engine, "volume", "rm", name])
          return containerId !== "" || volume !== ""
        }
        return containerId !== ""
      })

      return RegistryContainer.of({ ensure, remove })
    })
  )
