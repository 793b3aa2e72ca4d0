import { reasonFrom } from "../../core/lines.ts"

/** The lines that name no reason: they follow the one that does. */
const withoutReason = /^Error: failed to start containers:/

/** Why the engine cannot start a container, without the names of the parts of the engine that pass the reason on. */
export const startReason = (stderr: string): string => {
  const lines = stderr.split("\n").filter((line) => !withoutReason.test(line))
  return reasonFrom(lines.join("\n"), /^Error\b/i)
    .replace(/^.*unable to start container process: /s, "")
    .replace(/^Error response from daemon: /, "")
    .replace(/^Error: unable to start container "[^"]*": /, "")
    .replace(/: unknown$|: OCI runtime attempted to invoke a command that was not found$/, "")
}
