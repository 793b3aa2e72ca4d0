import { Duration, Effect, type Redacted } from "effect"
import type { Engine, Server } from "../../../config/Project.ts"
import type { Command, Output } from "../../processes/Command.ts"
import { runGuarded, type Session } from "../../shell/session/runGuarded.ts"
import type { Shell } from "../../shell/Shell.ts"
import { parseEngineError } from "../DockerError.ts"
import { type FileToMount, filesToMount } from "../files.ts"
import { type ContainerSpec, createWords } from "../words.ts"
import { exec } from "./exec.ts"
import { engineFailure, withheld } from "./failure.ts"

/** The container that a command runs in. */
export type ExecTarget =
  | { readonly _tag: "Running"; readonly id: string; readonly name: string }
  /** It is created, with the command as its own, and removed afterwards. */
  | {
      readonly _tag: "Fresh"
      readonly service: string
      readonly name: string
      /** Its ports, its alias and its address are not used. */
      readonly container: ContainerSpec
      readonly files: ReadonlyArray<FileToMount>
      readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
    }

export interface ExecOptions {
  readonly engine: Engine
  readonly target: ExecTarget
  readonly command: readonly [string, ...ReadonlyArray<string>]
}

/** Images know these terminals, or take them for one that they know. */
const commonTerminals = /^(?:xterm|xterm-256color|screen|screen-256color|tmux-256color|linux|vt100|vt220|dumb)$/

/** The value of TERM in a container: an image hardly has the description of a rare terminal. */
const termFor = (term: string): string => (commonTerminals.test(term) ? term : "xterm-256color")

/**
 * A sequence that nobody types, and whose first key is rare: with the default of ctrl-p,ctrl-q, each Ctrl-P would wait for
 * the next key.
 */
const detachWords = ["--detach-keys", "ctrl-^,ctrl-_,ctrl-@"]

const terminalWords = (term: string | undefined): ReadonlyArray<string> =>
  term === undefined ? [] : ["--tty", "--env", `TERM=${termFor(term)}`]

/** What the guard gets, and the command of the session once that is ready. */
const plan = ({ command, engine, target }: ExecOptions, tag: string, term: string | undefined) => {
  const terminal = term !== undefined
  if (target._tag === "Running") {
    const about = { engine, container: target.id, name: "", fresh: false, tag, terminal, mounts: "", modes: "" }
    const words = (id: string): Command["words"] => [
      engine,
      "exec",
      "--interactive",
      ...detachWords,
      ...terminalWords(term),
      "--env",
      `JIJI_EXEC=${tag}`,
      id,
      ...command
    ]
    return { guard: exec.command(about), words }
  }
  const { container, name, secrets } = target
  const files = filesToMount(target.files)
  // It is gone if the server restarts, too. Nobody asks whether it is healthy.
  const own = ["--rm", "--no-healthcheck", "--interactive", ...terminalWords(term)]
  const spec = { ...container, options: [...own, ...files.words, ...(container.options ?? [])] }
  const about = { engine, container: "", name, fresh: true, tag, terminal, mounts: files.folder, modes: files.modes }
  const guard: Command = {
    ...exec.command(about, createWords(spec, [...secrets.keys()])),
    ...(files.stdin !== undefined && { stdin: files.stdin }),
    env: {
      JIJI_NAMES: [...secrets.keys()].join(" "),
      ...Object.fromEntries([...secrets.values()].map((value, index) => [`JIJI_SECRET_${index}`, value] as const))
    },
    cleanup: { timeout: Duration.seconds(20), text: () => `removing the container ${name}` }
  }
  const words = (id: string): Command["words"] => [engine, "start", "--attach", "--interactive", ...detachWords, id]
  return { guard, words }
}

/** Runs a command in a container for a session. Returns its exit code. */
export const execIn = Effect.fnUntraced(function* <E>(
  shell: Shell["Service"],
  server: Server,
  options: ExecOptions,
  session: Session<E>
) {
  const { command, engine, target } = options
  const tag = crypto.randomUUID()
  const { guard, words } = plan(options, tag, session.terminal?.term)
  const where = `${target._tag === "Fresh" ? `a new container of ${target.service}` : target.name} on ${server.name}`
  const { end, session: watched } = withheld(session, engineFailure(where, engine, command[0]))
  const operation = target._tag === "Fresh" ? "create a container" : "run a command"
  const code = yield* runGuarded(
    shell,
    server,
    {
      guard,
      command: (ready) => ({ words: words(ready), env: { JIJI_EXEC: tag } }),
      failed: (output: Output) => Effect.fail(parseEngineError({ machine: server.name, engine, operation }, output))
    },
    watched
  )
  yield* end(code)
  return code
})
