import { Context, type Effect, type Layer } from "effect"
import type { Project } from "../config/Project.ts"
import type { Events } from "../core/Events.ts"
import type { Scrubber } from "../core/Scrubber.ts"
import type * as Platform from "../layers/Platform.ts"
import type { Processes } from "../layers/processes/Processes.ts"
import type { Secrets } from "../layers/secrets/Secrets.ts"
import type { SecretsError } from "../layers/secrets/SecretsError.ts"
import type { Recording } from "../rehearsal/layers.ts"
import type { Follower } from "../reporters/Reporter.ts"
import type { Services } from "../steps/Runnable.ts"
import type { Hooks } from "./hooks/Hooks.ts"

/** How a run is printed. */
export interface OutputOptions {
  /** One JSON event per line on stdout, and nothing else. */
  readonly json: boolean
}

type Requirements = Events | Processes | Scrubber | Layer.Success<typeof Platform.layer>

/** The layers that a command's pipeline runs over, and what takes part in each run. */
export class RunLayers extends Context.Service<
  RunLayers,
  {
    /** Does the real work, on this machine and on the servers. */
    live(project: Project): Layer.Layer<Services, never, Requirements>
    /** Records what would be done. */
    dry(project: Project): Layer.Layer<Services | Recording, never, Requirements>
    /** The secrets alone, for commands that run no pipeline. */
    secrets(project: Project): Layer.Layer<Secrets, never, Requirements>
    /** Those that follow the events of a live run: its reporter, the run history, telemetry. */
    followers(project: Project, options: OutputOptions): ReadonlyArray<Follower>
    /** Those that follow the events of a run that a `jiji serve` runs. */
    remoteFollowers(project: string, options: OutputOptions): ReadonlyArray<Follower>
    /** The project's hooks, ready for one run; undefined if it has none. */
    hooks(project: Project): Effect.Effect<Hooks | undefined, SecretsError, Requirements>
  }
>()("jiji/cli/RunLayers") {}
