import { join } from "node:path"
import { until } from "../support/waiting.ts"
import type { TestProject } from "./Project.ts"
import type { Hosts } from "./Hosts.ts"

const main = join(import.meta.dir, "../../src/main.ts")

/** jiji in a pseudo-terminal on the operator, below a shell that prints how it left the terminal. */
export interface OnTerminal {
  /** All that was printed so far. */
  readonly output: () => string
  readonly shows: (pattern: RegExp) => Promise<string>
  readonly type: (keys: string) => void
  readonly resize: (columns: number, rows: number) => void
  /** The process id of jiji on the machine. */
  readonly pid: () => number
  /** Waits until jiji has exited. Returns its exit code, and whether the terminal is as it was before. */
  readonly ended: () => Promise<{ readonly code: number; readonly isRestored: boolean }>
  readonly close: () => void
}

/** Starts jiji in a terminal of 80 columns and 24 rows. */
export const atTerminal = (hosts: Hosts, project: TestProject, args: ReadonlyArray<string>): OnTerminal => {
  const decoder = new TextDecoder()
  let output = ""
  const script =
    'before=$(stty -g); "$@"; code=$?; [ "$before" = "$(stty -g)" ] && same=yes; echo "ENDED $code ${same:-no}."'
  const words = hosts.operator.inTerminal(["sh", "-c", script, "sh", process.execPath, main, ...args], project.root)
  const child = Bun.spawn([...words.words], {
    env: { ...words.env, TERM: "xterm-256color" },
    terminal: { cols: 80, rows: 24, data: (_, bytes) => void (output += decoder.decode(bytes, { stream: true })) }
  })
  return {
    output: () => output,
    shows: (pattern) =>
      until(
        () => output,
        (text) => pattern.test(text)
      ),
    type: (keys) => void child.terminal?.write(keys),
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    pid: () => {
      const own = JSON.stringify([process.execPath, main, ...args])
      const found = hosts.operator.processes().find(({ words: all }) => JSON.stringify(all) === own)
      if (found === undefined) throw new Error(`jiji does not run:\n${output}`)
      return found.pid
    },
    ended: async () => {
      const text = await until(
        () => output,
        (shown) => /ENDED \d+ \w+\./.test(shown)
      )
      const [, code, same] = /ENDED (\d+) (\w+)\./.exec(text) ?? []
      return { code: Number(code), isRestored: same === "yes" }
    },
    close: () => {
      child.kill("SIGKILL")
      child.terminal?.close()
    }
  }
}
