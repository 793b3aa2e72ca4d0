import { Effect, Stream } from "effect"
import type { Server } from "../../config/Project.ts"
import { printable } from "../../core/text.ts"
import type { Session } from "../../layers/shell/session/runGuarded.ts"
import { serverPrefix } from "../../reporters/logLines.ts"
import type { OutputClosed } from "../../steps/LogsPipeline.ts"
import { writeStderrFully } from "../process/stderr.ts"
import { writeStdoutFully } from "../process/stdout.ts"
import type { TerminalShape } from "../process/Terminal.ts"
import { keys, localTerminal, stdin } from "./terminal.ts"

/** More characters than a person reads in one line. */
const maxLine = 64 * 1024

/** Writes an output line by line. */
const lineWriter = <E>(prefix: string, write: (text: string) => Effect.Effect<void, E>) => {
  const decoder = new TextDecoder()
  let rest = ""
  const print = (lines: ReadonlyArray<string>) =>
    lines.length === 0 ? Effect.void : write(lines.map((line) => `${prefix}${printable(line)}\n`).join(""))
  return {
    write: (bytes: Uint8Array) => {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/)
      rest = lines.pop() ?? ""
      if (rest.length > maxLine) {
        lines.push(rest)
        rest = ""
      }
      return print(lines)
    },
    /** Writes a last line that has no line break. */
    end: Effect.suspend(() => {
      const last = rest + decoder.decode()
      rest = ""
      return print(last === "" ? [] : [last])
    })
  }
}

/** What this process's stdin, stdout and stderr are connected to, on each of the servers. */
export interface Sessions {
  readonly session: (server: Server) => Session<OutputClosed>
  /** Writes what is left. */
  readonly end: Effect.Effect<void, OutputClosed>
}

/** One server: its output is this process's, byte by byte. It gets a terminal if this process has one. */
const direct = (terminal: TerminalShape): Sessions => {
  const isInteractive = terminal.isInteractive
  const session: Session<OutputClosed> = {
    ...(isInteractive && { terminal: localTerminal() }),
    stdin: isInteractive ? keys : stdin,
    stdout: writeStdoutFully,
    stderr: writeStderrFully
  }
  return { session: () => session, end: Effect.void }
}

/** Several servers: their lines, with their names. Nobody can type into several at once. */
const prefixed = (servers: ReadonlyArray<Server>, terminal: TerminalShape): Sessions => {
  const names = servers.map(({ name }) => name)
  const ends: Array<Effect.Effect<void, OutputClosed>> = []
  return {
    session: ({ name }) => {
      const prefix = serverPrefix(names, name, terminal)
      const stdout = lineWriter(prefix, writeStdoutFully)
      const stderr = lineWriter(prefix, writeStderrFully)
      ends.push(stdout.end, stderr.end)
      return { stdin: Stream.empty, stdout: stdout.write, stderr: stderr.write }
    },
    end: Effect.suspend(() => Effect.all(ends, { discard: true }))
  }
}

/** Connects this process to a command on servers. */
export const sessions = (servers: ReadonlyArray<Server>, terminal: TerminalShape): Sessions =>
  servers.length === 1 ? direct(terminal) : prefixed(servers, terminal)
