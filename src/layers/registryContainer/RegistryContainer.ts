import { Context, Effect, Layer, Option, Schedule, Semaphore } from "effect"
import { shortDigest } from "../../config/ImageReference.ts"
import type { Engine } from "../../config/Project.ts"
import { registry } from "./registry/registry.ts"
import { Events } from "../../core/Events.ts"
import { messageOf } from "../../core/errorText.ts"
import { reasonFrom } from "../../core/lines.ts"
import { transferLimit } from "../docker/limits.ts"
import { type EngineError, parseEngineError, EngineUnclear } from "../docker/DockerError.ts"
import { hex } from "../registry/Digest.ts"
import { local } from "../shell/Machine.ts"
import * as RegistryApi from "./RegistryApi.ts"
import { RegistryRequestFailed } from "./RegistryApi.ts"
import {
  RegistryContainerCorrupted,
  RegistryContainerElsewhere,
  RegistryContainerForeign,
  RegistryContainerSilent,
  RegistryPortTaken
} from "./RegistryContainerError.ts"
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

interface RepairOptions<E> {
  readonly engine: Engine
  readonly port: number
  readonly repository: string
  readonly digest: string
  readonly push: Effect.Effect<string, E>
}

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
    /**
     * Also names an image `PROJECT/SERVICE`, as the built-in registry does: with its tag, and with `latest`. Only warns if the
     * registry refuses, since deploys do not use these names.
     */
    addAlias(options: {
      readonly port: number
      readonly repository: string
      readonly digest: string
      readonly alias: string
      readonly tag: string
    }): Effect.Effect<void>
    /**
     * Checks every blob of an image, for a server that got other bytes than the digest promises. Removes damaged ones,
     * restarts the container, which remembers what it had, and pushes the image again.
     * `push` returns the digest. Returns the digests that were repaired
     * since this process started; none if nothing was damaged.
     */
    repair<E>(options: RepairOptions<E>): Effect.Effect<ReadonlyArray<string>, RegistryContainerCorrupted>
    /** Removes the container, and optionally its images. Returns false if there was nothing to remove. */
    remove(
      engine: Engine,
      withImages: boolean
    ): Effect.Effect<boolean, RegistryContainerForeign | EngineError | ShellError>
  }
>()("jiji/layers/registryContainer/RegistryContainer") {
  static readonly layer = Layer.suspend(() => RegistryContainer.layerWith(RegistryApi.live))
  /** The same with another registry, because a recording shell does not start one. */
  static readonly layerWith = (api: RegistryApi.RegistryApi) => make(api)
}

/** Where a registry image keeps its blobs: the default of `registry:2` and `registry:3`. */
const blobFolder = (digest: string) =>
  `/var/lib/registry/docker/registry/v2/blobs/sha256/${hex(digest).slice(0, 2)}/${hex(digest)}`

const make = (api: RegistryApi.RegistryApi) =>
  Layer.effect(
    RegistryContainer,
    Effect.gen(function* () {
      const shell = yield* Shell
      const events = yield* Events
      const name = containerName
      const warn = (text: string) => events.publish({ _tag: "StepNoted", level: "warning", text })

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

      const awaitReady = Effect.fnUntraced(function* (engine: Engine, port: number) {
        const ready = yield* api
          .isReady(port)
          .pipe(
            Effect.repeat({ until: (ready) => ready, schedule: Schedule.spaced("50 millis") }),
            Effect.timeoutOption(`${readyTimeout} seconds`)
          )
        if (Option.isNone(ready))
          return yield* new RegistryContainerSilent({ engine, name, port, seconds: readyTimeout })
      })

      const ensure = Effect.fnUntraced(function* (options: {
        readonly engine: Engine
        readonly port: number
        readonly image: string
      }) {
        const { engine, image, port } = options
        const command = registry.command({ engine, name, port, image })
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
        const answer = yield* Effect.mapError(
          registry.answer(output.stdout),
          (reason) => new EngineUnclear({ machine: "local", engine, operation, reason })
        )
        if ("conflict" in answer) {
          return yield* answer.conflict === "foreign"
            ? new RegistryContainerForeign({ engine, name })
            : new RegistryContainerElsewhere({ engine, name, wanted: port, port: answer.port })
        }
        yield* awaitReady(engine, port)
        return answer.did
      })

      const addAlias: RegistryContainer["Service"]["addAlias"] = ({ alias, digest, port, repository, tag }) =>
        Effect.catch(api.addTags(port, { repository, digest }, alias, [tag, "latest"]), ({ message }) =>
          warn(
            `the registry's container ${name} does not have this image as ${alias}:${tag} and ${alias}:latest: ${message}`
          )
        )

      // Several servers may find the same damage.
      const turn = Semaphore.makeUnsafe(1)
      const repaired = new Map<string, ReadonlyArray<string>>()
      const repairOnce = Effect.fnUntraced(function* <E>({ digest, engine, port, push, repository }: RepairOptions<E>) {
        const damaged = yield* api.findDamaged(port, { repository, digest })
        if (damaged.length === 0) return damaged
        for (const blob of damaged)
          yield* warn(`${shortDigest(blob)}… in the registry's container ${name} is corrupted; pushing it again`)
        yield* run(engine, "remove damaged blobs", [engine, "exec", name, "rm", "-rf", ...damaged.map(blobFolder)])
        yield* run(engine, `restart container ${name}`, [engine, "restart", "--time", "2", name])
        yield* awaitReady(engine, port)
        if ((yield* push) !== digest)
          return yield* Effect.fail(new RegistryRequestFailed("the engine's image has other contents now"))
        return damaged
      })
      const repair = <E>(options: RepairOptions<E>) =>
        Effect.gen(function* () {
          const { digest, repository } = options
          const key = `${repository}@${digest}`
          const before = repaired.get(key) ?? []
          const found = yield* repairOnce(options)
          // While a manifest is damaged, nobody knows its blobs.
          const more = found.includes(digest) ? yield* repairOnce(options) : []
          const all = [...before, ...found, ...more]
          repaired.set(key, all)
          return all
        }).pipe(
          Effect.mapError((error) => {
            const { digest, engine, repository } = options
            return new RegistryContainerCorrupted({ engine, name, repository, digest, reason: messageOf(error) })
          }),
          turn.withPermits(1)
        )

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

      return RegistryContainer.of({ ensure, addAlias, repair, remove })
    })
  )
