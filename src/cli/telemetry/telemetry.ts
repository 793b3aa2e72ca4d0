import { Effect, Layer } from "effect"
import type { Project } from "../../config/Project.ts"
import type { Scrubber } from "../../core/Scrubber.ts"
import type { Shell } from "../../layers/shell/Shell.ts"
import { type CommandRun, tracedShell } from "../../layers/shell/tracedShell.ts"
import { readSettings } from "../../reporters/otlp/settings.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import { warningText } from "../messages.ts"

interface TelemetryOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The version of jiji. */
  readonly version: string
  /** Prints a warning about a setting that has no effect. */
  readonly warn: (text: string) => void
}

/** Exports traces and metrics, if OpenTelemetry's standard variables name a collector. */
export const makeTelemetry = ({ env, version, warn }: TelemetryOptions) => {
  const configured = readSettings(env)
  const commands: Array<CommandRun> = []
  return {
    /** Adds a span for every command that the shell runs. */
    traceCommands: <E, R>(shell: Layer.Layer<Shell, E, R>): Layer.Layer<Shell, E, R | Scrubber> =>
      configured?.traces === undefined
        ? shell
        : tracedShell((command) => void commands.push(command)).pipe(Layer.provide(shell)),
    followers: ({ environment, name }: Project): ReadonlyArray<Follower> => {
      if (configured === undefined) return []
      for (const text of configured.warnings)
        warn(warningText(`${text}.`, "Nothing is exported there; see docs/traces.md."))
      if (configured.traces === undefined && configured.metrics === undefined) return []
      const run = { project: name, version, ...(environment !== undefined && { environment }) }
      return [
        // Imported here because its many modules would slow down every start.
        (events) =>
          Effect.flatMap(
            Effect.promise(() => import("./otlp.ts")),
            ({ otlpFollower }) => otlpFollower(configured, run, () => commands.splice(0))(events)
          )
      ]
    }
  }
}
export type Telemetry = ReturnType<typeof makeTelemetry>
