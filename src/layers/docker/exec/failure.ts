import { Effect, Schema } from "effect"
import { defineError } from "../../../core/defineError.ts"
import type { Session } from "../../shell/session/runGuarded.ts"
import { startReason } from "../startReason.ts"

/** The program of `jiji exec` or `jiji server exec` cannot be started. */
export class ProgramNotStarted extends defineError<ProgramNotStarted>()("ProgramNotStarted", {
  fields: {
    /** Such as `shop-web on web1`. */
    where: Schema.String,
    program: Schema.String,
    reason: Schema.Literals(["missing", "not executable"]),
    /** Whether it is a container. */
    isContainer: Schema.Boolean
  },
  message: (e) =>
    e.reason === "missing"
      ? `There is no program ${e.program} in ${e.where}.`
      : `${e.program} in ${e.where} cannot be executed.`,
  remedy: (e) => {
    if (e.reason === "not executable") return "Check its permissions, and that it is a program for this processor."
    if (!e.isContainer) return "Check its name, or use its full path."
    return ["sh", "bash", "/bin/sh", "/bin/bash"].includes(e.program)
      ? "The image may have no shell: run one of its own programs, by its full path."
      : "Check its name, or use its full path in the image."
  },
  exitCode: (e) => (e.reason === "missing" ? "notFound" : "notExecutable"),
  sample: [
    { where: "shop-web on web1", program: "bash", reason: "missing", isContainer: true },
    { where: "shop-web on web1", program: "bin/migrate", reason: "not executable", isContainer: true }
  ]
}) {}

/** The engine could not run a command in a container. */
export class ExecFailed extends defineError<ExecFailed>()("ExecFailed", {
  fields: { where: Schema.String, engine: Schema.String, detail: Schema.String },
  message: (e) => `${e.engine} cannot run the command in ${e.where}: ${e.detail}`,
  remedy: "Look at the container with `jiji ps`, then try again.",
  exitCode: "failed",
  sample: { where: "shop-web on web1", engine: "docker", detail: "Container 1f3c is not running" }
}) {}

/** How the messages begin with which engines, and the shell on a server, report that they cannot start a program. */
const beginnings = [
  "OCI runtime exec failed: ",
  "Error response from daemon: ",
  "Error: crun: ",
  "Error: runc: ",
  "Error: OCI ",
  "Error: unable to start container ",
  "Error: executable file ",
  "Error: can only create exec sessions on running containers",
  "Error: no such exec session",
  "sh: 1: exec: ",
  "sh: line 0: exec: ",
  "sh: line 1: exec: ",
  "sh: exec: "
]

const missing = /executable file .*not found|no such file or directory|: not found\b/i
const notExecutable = /permission denied|exec format error|cannot execute|is a directory/i

/** More than any such message. */
const maxLength = 4096

/** What podman logs before its message if two of its processes remove a container that did not start. */
const removalLog = /^time="[^"\n]*" level=error msg="Removing container [^\n]*\n/

/** Whether it may be the beginning of a line that {@link removalLog} matches. */
const mayBeRemovalLog = (text: string): boolean => {
  const [line = "", message] = text.split(' msg="', 2)
  const isStart = 'time="'.startsWith(line) || /^time="[^"\n]*("[^"\n]*)?$/.test(line)
  const start = "Removing container "
  return isStart && (message === undefined || start.startsWith(message) || message.startsWith(start))
}

/** Returns the message of an engine without what podman logs before it. */
const withoutLog = (text: string): string => text.replaceAll("\r", "").replace(removalLog, "")

const isMessage = (text: string): boolean => beginnings.some((each) => text.startsWith(each))

const mayBeMessage = (text: string): boolean => {
  const rest = withoutLog(text)
  return isMessage(rest) || beginnings.some((each) => each.startsWith(rest)) || mayBeRemovalLog(rest)
}

/**
 * Holds back the beginning of an output as long as it may be a message of the engine, which comes before anything else.
 * `fail` gets it if the command has failed, and returns the error that it stands for, if any.
 */
export const withheld = <E, F>(session: Session<E>, fail: (text: string, code: number) => F | undefined) => {
  let text = ""
  let isOver = false
  let held: ReadonlyArray<Effect.Effect<void, E>> = []
  const release = Effect.suspend(() => {
    const all = held
    held = []
    isOver = true
    return Effect.all(all, { discard: true })
  })
  const filtered =
    (write: (bytes: Uint8Array) => Effect.Effect<void, E>) =>
    (bytes: Uint8Array): Effect.Effect<void, E> => {
      if (isOver) return write(bytes)
      text += Buffer.from(bytes).toString("latin1")
      held = [...held, write(bytes)]
      return mayBeMessage(text) && text.length < maxLength ? Effect.void : release
    }
  return {
    session: { ...session, stdout: filtered(session.stdout), stderr: filtered(session.stderr) } satisfies Session<E>,
    /** Ends the output: fails, or writes what is held back. */
    end: (code: number): Effect.Effect<void, E | F> =>
      Effect.suspend((): Effect.Effect<void, E | F> => {
        const error = isOver || code === 0 || text === "" ? undefined : fail(text, code)
        return error === undefined ? release : Effect.fail(error)
      })
  }
}

/** Reads a message about a program that was not started. */
export const programFailure = (about: {
  readonly where: string
  readonly program: string
  readonly isContainer: boolean
}) => {
  return (text: string): ProgramNotStarted | undefined => {
    if (!isMessage(text)) return undefined
    if (missing.test(text)) return new ProgramNotStarted({ ...about, reason: "missing" })
    return notExecutable.test(text) ? new ProgramNotStarted({ ...about, reason: "not executable" }) : undefined
  }
}

/** Reads a message of an engine. */
export const engineFailure =
  (where: string, engine: string, program: string) =>
  (output: string): ProgramNotStarted | ExecFailed | undefined => {
    const text = withoutLog(output)
    if (!isMessage(text)) return undefined
    const known = programFailure({ where, program, isContainer: true })(text)
    return known ?? new ExecFailed({ where, engine, detail: startReason(text) })
  }
