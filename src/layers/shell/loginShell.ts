import { Effect, Fiber, Pull, type Scope, Schema, Stream } from "effect"
import { defineError } from "../../core/defineError.ts"
import type { Events } from "../../core/Events.ts"
import { lastLines } from "../../core/lines.ts"
import { formatWait } from "../../core/units.ts"
import { CommandTimedOut, type Process } from "../processes/Command.ts"
import { enforceLimit } from "../processes/limit.ts"
import { frameStderr, partialMatch, unframeStderr } from "./framedStderr.ts"

/** The exit code of a bootstrap whose input is incomplete. */
const inputLost = 211
/** The exit code of a bootstrap whose stdout does not lead to jiji. */
const stdoutLost = 212

const returnFirst =
  "Make it return at once when there is no terminal. Its first line should be: `case $- in *i*) ;; *) return ;; esac`"

/** The user's login shell on a server did not start jiji's command. */
export class LoginShellFailed extends defineError<LoginShellFailed>()("LoginShellFailed", {
  fields: {
    server: Schema.String,
    reason: Schema.Union([
      Schema.TaggedStruct("Exited", { code: Schema.Int }),
      Schema.TaggedStruct("TimedOut", { millis: Schema.Finite }),
      Schema.TaggedStruct("InputLost", {}),
      Schema.TaggedStruct("StdoutLost", { hasRun: Schema.Boolean })
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
      case "StdoutLost":
        return `A start file of the login shell on ${e.server} redirects stdout. jiji's command ${e.reason.hasRun ? "ran, but jiji cannot read its result" : "did not run"}. ${printed}`
    }
  },
  remedy: (e) => {
    switch (e.reason._tag) {
      case "Exited":
        return "Use a user with a normal login shell, such as /bin/bash (`chsh` sets it), for whom sshd_config has no ForceCommand. If a start file of the shell (~/.bashrc) calls `exit`, let it return instead."
      case "StdoutLost":
        return `Find the redirection, such as \`exec >/dev/null\`, in ~/.bashrc or another start file of the shell. ${returnFirst}`
      default:
        return `A start file of the shell, such as ~/.bashrc, waits or reads input. ${returnFirst}`
    }
  },
  exitCode: "unavailable",
  sample: [
    { server: "web1", reason: { _tag: "Exited", code: 1 }, printed: "This account is currently not available." },
    { server: "web1", reason: { _tag: "TimedOut", millis: 60_000 }, printed: "" },
    { server: "web1", reason: { _tag: "InputLost" }, printed: "Which environment?" },
    { server: "web1", reason: { _tag: "StdoutLost", hasRun: false }, printed: "" }
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

type Chunks<E> = Effect.Success<ReturnType<typeof Stream.toPull<Uint8Array, E, never>>>

/** Reads an output up to a mark. Returns the bytes after it, or undefined if the output ends without it. */
const untilMark = <E>(
  finder: ReturnType<typeof markFinder>,
  pull: Chunks<E>
): Effect.Effect<Uint8Array | undefined, E> =>
  Effect.gen(function* () {
    while (true) {
      const rest = finder.add(Buffer.concat(yield* pull))
      if (rest !== undefined) return rest
    }
  }).pipe(Pull.catchDone(() => Effect.undefined))

const after = <E>(rest: Uint8Array, pull: Chunks<E>): Stream.Stream<Uint8Array, E> =>
  Stream.concat(Stream.make(rest), Stream.fromPull(Effect.succeed(pull)))

/** Waits for a line of an output, and returns what follows it; all of the output if it ends without the line. */
export const afterLine = Effect.fnUntraced(function* <E>(
  output: Stream.Stream<Uint8Array, E>,
  line: string
): Effect.fn.Return<Stream.Stream<Uint8Array, E>, E, Scope.Scope> {
  const finder = markFinder(line)
  const pull = yield* Stream.toPull(output)
  const rest = yield* untilMark(finder, pull)
  return rest === undefined ? Stream.make<[Uint8Array]>(finder.before()) : after(rest, pull)
})

/** Removes a mark from an output, wherever it is: a start file may send one output to the other, and through `tee`. */
const withoutMark = <E>(output: Stream.Stream<Uint8Array, E>, mark: string): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    const line = Buffer.from(`${mark}\n`)
    let held = Buffer.alloc(0)
    let isFound = false
    const take = (piece: Uint8Array): Uint8Array => {
      if (isFound) return piece
      const text = Buffer.concat([held, piece])
      const at = text.indexOf(line)
      isFound = at >= 0
      if (isFound) {
        held = Buffer.alloc(0)
        return Buffer.concat([text.subarray(0, at), text.subarray(at + line.length)])
      }
      // The end may be the beginning of the mark.
      const length = partialMatch(text, line)
      held = text.subarray(text.length - length)
      return text.subarray(0, text.length - length)
    }
    return output.pipe(
      Stream.map(take),
      Stream.concat(Stream.suspend(() => Stream.make<[Uint8Array]>(held))),
      Stream.filter((piece) => piece.length > 0)
    )
  })

/** The marks that the bootstrap prints on its outputs. */
const marks = (id: string) => ({ stdout: `${id}-out`, stderr: `${id}-err` })

/**
 * What the login shell on a server must run before jiji's script: see {@link startAfterMark}. With `hasInput`, more than the
 * script comes over the connection, and whatever reads the script must not read on.
 */
export const bootstrap = (bytes: number, id: string, { hasInput }: { readonly hasInput: boolean }) => ({
  /**
   * The command line for the login shell, which may be any shell: a `sh` that reads lines until the id, prints a mark on
   * each output, and then evaluates a script of this many bytes. If a line is missing or damaged, or if stdout leads to a
   * file or to /dev/null, it exits. The line does not contain the marks, so that a shell which traces it does not print
   * them. If stderr leads to stdout, its mark comes first there.
   */
  line: `exec sh -c 'while read -r l; do case $l in "$2") break;; "") ;; *) exit ${inputLost};; esac; done; [ "$l" = "$2" ] || exit ${inputLost}; if [ -f /dev/stdout ] || [ /dev/stdout -ef /dev/null ]; then exit ${stdoutLost}; fi; printf "%s-%s\\n" "$2" err >&2; ${frameStderr}; printf "%s-%s\\n" "$2" out || exit ${stdoutLost}; eval "$(${hasInput ? "dd bs=$1 count=1 iflag=fullblock 2>/dev/null" : "head -c $1"})"' jiji ${bytes} ${id}`,
  /** Comes before the script on stdin. A start file that reads lines gets empty ones, as if someone pressed Enter. */
  input: `${"\n".repeat(16)}${id}\n`
})

/** How long a login shell may take to start a command. */
const limit = { after: "60 seconds", noteAfter: "10 seconds", program: "sh" } as const

/**
 * Waits until the login shell has started a command, which prints the marks then, and returns the command's own outputs:
 * without what the shell's start files, such as ~/.bashrc, have printed before.
 */
export const startAfterMark = Effect.fnUntraced(function* <E>(
  events: Events["Service"],
  server: string,
  id: string,
  child: Process<E>
): Effect.fn.Return<Process<E>, E | LoginShellFailed, Scope.Scope> {
  const mark = marks(id)
  const stdout = markFinder(mark.stdout)
  const stderr = markFinder(mark.stderr)
  const pullStdout = yield* Stream.toPull(child.stdout)
  const pullStderr = yield* Stream.toPull(child.stderr)
  // A start file that prints much on stderr would block if nobody read it.
  const stderrMark = yield* Effect.forkScoped(untilMark(stderr, pullStderr))

  const failed = (reason: LoginShellFailed["reason"]) =>
    Effect.gen(function* () {
      // Much of what a shell prints about its failure is on stderr.
      const rest = yield* Effect.option(Effect.timeout(Fiber.join(stderrMark), "500 millis"))
      const hasRun = reason._tag !== "StdoutLost" && rest._tag === "Some" && rest.value !== undefined
      const printed = [stdout.text(), stderr.text()].filter((text) => text !== "").join("\n")
      return yield* new LoginShellFailed({
        server,
        reason: hasRun ? { _tag: "StdoutLost", hasRun } : reason,
        printed
      })
    })
  const exited = Effect.flatMap(child.exitCode, (code) => {
    if (code === inputLost) return failed({ _tag: "InputLost" })
    return failed(code === stdoutLost ? { _tag: "StdoutLost", hasRun: false } : { _tag: "Exited", code })
  })

  const waitingFor = "the login shell to start a command"
  const { during } = enforceLimit(events, server, { limit: { ...limit, waitingFor }, words: ["sh"] })
  const stdoutMark = Effect.filterOrElse(
    untilMark(stdout, pullStdout),
    (rest) => rest !== undefined,
    () => exited
  )
  const rest = yield* during(stdoutMark).pipe(
    Effect.catchIf(
      (error) => error instanceof CommandTimedOut,
      ({ millis }) => failed({ _tag: "TimedOut", millis })
    )
  )

  const output = after(rest, pullStdout)
  if (stdout.before().includes(mark.stderr)) {
    return { ...(yield* unframeStderr(output, id)), exitCode: child.exitCode }
  }
  const errors = Stream.unwrap(
    Effect.map(Fiber.join(stderrMark), (rest): Stream.Stream<Uint8Array, E> =>
      // Without a mark, a start file has redirected stderr.
      rest === undefined ? Stream.make<[Uint8Array]>(stderr.before()) : after(rest, pullStderr)
    )
  )
  return {
    stdout: withoutMark(output, mark.stderr),
    stderr: withoutMark(errors, mark.stdout),
    exitCode: child.exitCode
  }
})
