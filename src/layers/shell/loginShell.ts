import { Effect, Pull, type Scope, Schema, Stream } from "effect"
import { defineError } from "../../core/defineError.ts"
import type { Events } from "../../core/Events.ts"
import { lastLines } from "../../core/lines.ts"
import { formatWait } from "../../core/units.ts"
import { CommandTimedOut, type Process } from "../processes/Command.ts"
import { enforceLimit } from "../processes/limit.ts"

/** The exit code of a bootstrap whose input is incomplete. */
const inputLost = 211

/** The user's login shell on a server did not start jiji's command. */
export class LoginShellFailed extends defineError<LoginShellFailed>()("LoginShellFailed", {
  fields: {
    server: Schema.String,
    reason: Schema.Union([
      Schema.TaggedStruct("Exited", { code: Schema.Int }),
      Schema.TaggedStruct("TimedOut", { millis: Schema.Finite }),
      Schema.TaggedStruct("InputLost", {})
    ]),
    /** The end of its output. */
    printed: Schema.String
  },
  message: (e) => {
    const printed = e.printed === "" ? "It printed nothing." : `It printed: ${e.printed}`
    switch (e.reason._tag) {
      case "Exited":
        return `The login shell on ${e.server} exited with code ${e.reason.code} and did not run jiji's command. ${printed}`
      case "TimedOut":
        return `The login shell on ${e.server} did not run jiji's command within ${formatWait(e.reason.millis)}. ${printed}`
      case "InputLost":
        return `The login shell on ${e.server} read the input of jiji's command. ${printed}`
    }
  },
  remedy: (e) =>
    e.reason._tag === "Exited"
      ? "Use a user with a normal login shell, such as /bin/bash (`chsh` sets it), for whom sshd_config has no ForceCommand. If a start file of the shell (~/.bashrc) calls `exit`, let it return instead."
      : "A start file of the shell, such as ~/.bashrc, waits or reads input. Make it return at once when there is no terminal. Its first line should be: `case $- in *i*) ;; *) return ;; esac`",
  exitCode: "unavailable",
  sample: [
    { server: "web1", reason: { _tag: "Exited", code: 1 }, printed: "This account is currently not available." },
    { server: "web1", reason: { _tag: "TimedOut", millis: 60_000 }, printed: "" },
    { server: "web1", reason: { _tag: "InputLost" }, printed: "Which environment?" }
  ]
}) {}

/** How many bytes before the mark are kept. */
const maxKept = 64 * 1024

/** Finds the mark in bytes that arrive in pieces, and keeps the end of what comes before it. */
const markFinder = (mark: string) => {
  const line = Buffer.from(`${mark}\n`)
  let before = Buffer.alloc(0)
  return {
    /** Returns the bytes after the mark, or undefined as long as it is missing. */
    add: (piece: Uint8Array): Uint8Array | undefined => {
      const text = Buffer.concat([before, piece])
      const at = text.indexOf(line)
      before = text.subarray(at < 0 ? Math.max(0, text.length - maxKept) : 0, at < 0 ? text.length : at)
      return at < 0 ? undefined : text.subarray(at + line.length)
    },
    before: () => before,
    text: () => lastLines(before.toString(), 10).trim()
  }
}

/** What the login shell on a server must run before jiji's script: see {@link startAfterMark}. */
export const bootstrap = (bytes: number, mark: string) => ({
  /**
   * The command line for the login shell, which may be any shell: a `sh` that reads lines until the mark, prints the mark
   * on both outputs, and then evaluates a script of this many bytes. If a line is missing or damaged, it exits.
   */
  line: `exec sh -c 'while read -r l; do case $l in "$2") break;; "") ;; *) exit ${inputLost};; esac; done; [ "$l" = "$2" ] || exit ${inputLost}; echo "$2"; echo "$2" >&2; eval "$(head -c $1)"' jiji ${bytes} ${mark}`,
  /** Comes before the script on stdin. A start file that reads lines gets empty ones, as if someone pressed Enter. */
  input: `${"\n".repeat(16)}${mark}\n`
})

/** How long a login shell may take to start a command. */
const limit = { after: "60 seconds", noteAfter: "10 seconds", program: "sh" } as const

/**
 * Waits until the login shell has started a command, which prints the mark then, and returns the command's own outputs:
 * without what the shell's start files, such as ~/.bashrc, have printed before.
 */
export const startAfterMark = Effect.fnUntraced(function* <E>(
  events: Events["Service"],
  server: string,
  mark: string,
  child: Process<E>
): Effect.fn.Return<Process<E>, E | LoginShellFailed, Scope.Scope> {
  const stdout = markFinder(mark)
  const stderr = markFinder(mark)
  const pull = yield* Stream.toPull(child.stdout)

  const failed = (reason: LoginShellFailed["reason"]) =>
    Effect.gen(function* () {
      // Much of what a shell prints about its failure is on stderr.
      const read = Stream.runForEach(child.stderr, (piece) => Effect.sync(() => void stderr.add(piece)))
      yield* Effect.ignore(Effect.timeoutOption(read, "500 millis"))
      const printed = [stdout.text(), stderr.text()].filter((text) => text !== "").join("\n")
      return yield* new LoginShellFailed({ server, reason, printed })
    })
  const exited = Effect.flatMap(child.exitCode, (code) =>
    failed(code === inputLost ? { _tag: "InputLost" } : { _tag: "Exited", code })
  )
  const untilMark: Effect.Effect<Uint8Array, E | LoginShellFailed> = Effect.gen(function* () {
    while (true) {
      const rest = stdout.add(Buffer.concat(yield* pull))
      if (rest !== undefined) return rest
    }
  }).pipe(Pull.catchDone(() => exited))

  const waitingFor = "the login shell to start a command"
  const { during } = enforceLimit(events, server, { limit: { ...limit, waitingFor }, words: ["sh"] })
  const rest = yield* during(untilMark).pipe(
    Effect.catchIf(
      (error) => error instanceof CommandTimedOut,
      ({ millis }) => failed({ _tag: "TimedOut", millis })
    )
  )

  let isFound = false
  const errors = child.stderr.pipe(
    Stream.map((piece) => {
      if (isFound) return piece
      const rest = stderr.add(piece)
      isFound = rest !== undefined
      return rest ?? new Uint8Array()
    }),
    Stream.filter((piece) => piece.length > 0),
    // A start file may have redirected stderr. Then the mark is missing there.
    Stream.concat(Stream.suspend(() => (isFound ? Stream.empty : Stream.make(stderr.before()))))
  )
  return {
    stdout: Stream.concat(Stream.make(rest), Stream.fromPull(Effect.succeed(pull))),
    stderr: errors,
    exitCode: child.exitCode
  }
})
