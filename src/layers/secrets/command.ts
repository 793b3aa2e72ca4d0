import { Duration, Effect, Redacted } from "effect"
import { type Scrubber } from "../../core/Scrubber.ts"
import { lastLines } from "../../core/lines.ts"
import { script } from "../processes/Command.ts"
import { SecretCommandFailed } from "./SecretsError.ts"
import type { Processes } from "../processes/Processes.ts"
import commandScript from "./command.sh" with { type: "text" }

/** A command that prints a secret, the secret's name, and where the command was found. */
export interface SecretCommand {
  readonly name: string
  readonly place: string
  readonly command: Redacted.Redacted<string>
}

/** Larger than any secret. */
const maxBytes = 64 * 1024

/**
 * Runs commands that print secrets, on this machine in the project's folder. Their stdin is empty: the user would not see a
 * prompt. Removes the final line break from the output, and adds it to the scrubber before using it.
 */
export const secretCommandRunner = (options: {
  readonly processes: Processes["Service"]
  readonly scrubber: Scrubber["Service"]
  readonly root: string
  readonly timeout: Duration.Input
}) => {
  const timeout = Duration.fromInputUnsafe(options.timeout)
  return Effect.fnUntraced(function* ({ command, name, place }: SecretCommand) {
    const failed = (reason: SecretCommandFailed["reason"]) => new SecretCommandFailed({ name, place, reason })
    const run = { ...script("secret", commandScript, [options.root, name]), env: { JIJI_COMMAND: command } }
    const output = yield* options.processes.run(run).pipe(
      Effect.mapError((cause) =>
        failed(cause._tag === "OutputTooLong" ? { _tag: "TooLong" } : { _tag: "NotStarted", cause })
      ),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.fail(failed({ _tag: "TimedOut", seconds: Duration.toSeconds(timeout) }))
      })
    )
    const value = Redacted.make(output.stdout.replace(/\r?\n$/u, ""), { label: name })
    if (Buffer.byteLength(Redacted.value(value)) > maxBytes) return yield* failed({ _tag: "TooLong" })
    // Also scrub the output of a failed command, because its stderr may repeat it.
    options.scrubber.add(value)
    const stderr = lastLines(options.scrubber.text(output.stderr.trim()), 5)
    if (output.exitCode !== 0) return yield* failed({ _tag: "Ended", code: output.exitCode, stderr })
    if (Redacted.value(value) === "") return yield* failed({ _tag: "Empty", stderr })
    if (Redacted.value(value).includes("\0")) return yield* failed({ _tag: "NotText" })
    return value
  })
}
