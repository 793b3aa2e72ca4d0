import { Effect } from "effect"
import type { Output } from "../../processes/Command.ts"
import type { ReleaseOptions } from "../Docker.ts"
import { ContainerForeign, parseEngineError, ReleaseBusy, ReleaseFailed } from "../DockerError.ts"
import { startReason } from "../startReason.ts"

/** How many lines of the command's output an error has. */
const maxLines = 20

/** Keeps the last lines of the command, and what `release.sh` reports. */
export const releaseReader = () => {
  let lines: ReadonlyArray<string> = []
  let reported = ""
  return {
    onLine: (line: string) => {
      const [, report] = /^jiji release (.*)$/.exec(line) ?? []
      if (report === undefined) {
        lines = [...lines, line].slice(-maxLines)
        return line
      }
      reported = report
      return undefined
    },
    /** The last report. */
    reported: () => reported,
    log: () => lines.join("\n")
  }
}

/** Reads the result of `release.sh`: its exit code, and what it reported. */
export const releaseResult = (
  server: string,
  { engine, name, service }: Pick<ReleaseOptions, "engine" | "name" | "service">,
  reader: Pick<ReturnType<typeof releaseReader>, "log" | "reported">,
  output: Output
) => {
  const about = { server, service }
  switch (output.exitCode) {
    case 0:
      return Effect.void
    case 11:
      return Effect.fail(new ContainerForeign({ server, engine, name }))
    case 12:
      return Effect.fail(new ReleaseBusy(about))
    case 20:
      return Effect.fail(new ReleaseFailed({ ...about, reason: reader.reported(), log: reader.log() }))
    case 21:
      return Effect.fail(
        new ReleaseFailed({ ...about, reason: `cannot start: ${startReason(output.stderr)}`, log: "" })
      )
    default:
      return Effect.fail(
        parseEngineError({ machine: server, engine, operation: `run the release command of ${service}` }, output)
      )
  }
}
