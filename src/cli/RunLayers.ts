import type { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import type { SecretsError } from "../layers/secrets/SecretsError.ts"
import type { Events } from "../core/Events.ts"
import type { Follower } from "../reporters/Reporter.ts"
import type { Services } from "../steps/Runnable.ts"
import type { Recording } from "../rehearsal/layers.ts"
import type { Hooks } from "./hooks/Hooks.ts"

/** How a run is shown: to a person, or to a program. */
export interface Shown {
  readonly json: boolean
}

/** What a command takes from the outside: the layers that its pipeline runs over, and who follows a run. */
export interface RunLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services, never, R>
  readonly dry: (project: Project) => Layer.Layer<Services | Recording, never, R>
  readonly followers: (project: Project, shown: Shown) => ReadonlyArray<Follower>
  /** The hooks of a project that has some. */
  readonly hooks: (project: Project) => Effect.Effect<Hooks | undefined, SecretsError, R | Events>
  readonly write: (text: string) => void
}
