import { Effect, Layer } from "effect"
import * as RegistryApi from "../layers/registryContainer/RegistryApi.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import { Recording } from "./Recording.ts"
import * as Registry from "./RecordingRegistry.ts"
import * as Script from "./Script.ts"
import * as Recorded from "./RecordingShell.ts"
import * as Ssh from "./RecordingSsh.ts"
import type { Answer } from "./Answer.ts"

export { type Entry, Recording } from "./Recording.ts"

/**
 * Layers that start no process, open no connection and write no file. They record what a pipeline does on machines, and
 * answer from a script. The first matching answer counts; by default, everything succeeds.
 */
export const machines = (script: Script.Script) =>
  Layer.mergeAll(RegistryContainer.layerWith(RegistryApi.none), Registry.layer, Recorded.processes(script)).pipe(
    Layer.provideMerge(Recorded.shell(script)),
    Layer.provideMerge(Ssh.layer(script))
  )

/** The same layers together with a {@link Recording}. */
export const layer = (answers: ReadonlyArray<Answer> = []) =>
  Layer.unwrap(Effect.sync(() => machines(Script.make(answers)))).pipe(
    Layer.provideMerge(Layer.sync(Recording, Recording.make))
  )
