import { Effect, Layer } from "effect"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import { Recording } from "./Recording.ts"
import * as Registry from "./RecordingRegistry.ts"
import * as Script from "./Script.ts"
import * as Recorded from "./RecordingShell.ts"
import * as Ssh from "./RecordingSsh.ts"
import type { Answer } from "./Answer.ts"

export { type Entry, Recording } from "./Recording.ts"

/**
 * Layers that touch nothing, no process, no connection and no file: what is done on a machine is recorded, and answered
 * from a script. The first answer that fits counts; where none does, all goes well.
 */
export const machines = (script: Script.Script) =>
  Layer.mergeAll(
    RegistryContainer.layerWith(() => Effect.succeed(true)),
    Registry.layer,
    Recorded.processes(script)
  ).pipe(Layer.provideMerge(Recorded.shell(script)), Layer.provideMerge(Ssh.layer(script)))

/** The same, with the {@link Recording} of what was done. */
export const layer = (answers: ReadonlyArray<Answer> = []) =>
  Layer.unwrap(Effect.sync(() => machines(Script.make(answers)))).pipe(
    Layer.provideMerge(Layer.sync(Recording, Recording.make))
  )
