import { Effect, Layer } from "effect"
import type { Project } from "../../config/Project.ts"
import { tracedShell, type CommandRun } from "../../layers/shell/tracedShell.ts"
import type { Shell } from "../../layers/shell/Shell.ts"
import { readSettings } from "../../reporters/otlp/settings.ts"
import type { Follower } from "../../reporters/Reporter.ts"
import { warning } from "../messages.ts"

/** What is sent to a collector of traces and metrics, where the standard variables of OpenTelemetry name one. */
export const telemetry = ({
  env,
  say,
  version
}: {
  readonly env: Readonly<Record<string, string | undefined>>
  /** jiji's own. */
  readonly version: string
  /** Takes warnings of what is asked for and is not done. */
  readonly say: (text: string) => void
}) => {
  const asked = readSettings(env)
  const commands: Array<CommandRun> = []
  return {
    /** The shell, as it is or with an eye on its commands. */
    over: <E, R>(shell: Layer.Layer<Shell, E, R>): Layer.Layer<Shell, E, R> =>
      asked?.traces === undefined ? shell : tracedShell((ran) => void commands.push(ran)).pipe(Layer.provide(shell)),
    followers: ({ environment, name }: Project): ReadonlyArray<Follower> => {
      if (asked === undefined) return []
      for (const text of asked.warnings) say(warning(`${text}.`, "See docs/traces.md; nothing of it is sent."))
      if (asked.traces === undefined && asked.metrics === undefined) return []
      const about = { project: name, version, ...(environment !== undefined && { environment }) }
      return [
        // Its modules are many, and nobody needs them but for this.
        (run) =>
          Effect.flatMap(
            Effect.promise(() => import("./otlp.ts")),
            ({ follower }) => follower(asked, about, () => commands.splice(0))(run)
          )
      ]
    }
  }
}
