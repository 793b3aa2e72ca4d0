import type { Layer } from "effect"
import type { Project } from "../../../config/Project.ts"
import type { Shell } from "../../../layers/shell/Shell.ts"
import type { Output } from "../../../reporters/Reporter.ts"
import type { Services } from "../../../steps/Runnable.ts"
import type { RunLayers } from "../../RunLayers.ts"

/** What the commands of `jiji registry` take from the outside. */
export interface RegistryLayers<R> extends RunLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services | Shell, never, R>
  readonly output: Output
  /** Whether a person is at both ends. */
  readonly interactive: boolean
  /** Where docker keeps its `config.json`. */
  readonly dockerConfig: string
}
