import { Effect, Scope } from "effect"
import { type Command, script } from "../../../src/layers/processes/Command.ts"
import { local, type Machine, remote } from "../../../src/layers/shell/Machine.ts"
import { liveShell } from "../liveShell.ts"
import { builtIn, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"

export const machines: ReadonlyArray<readonly [string, Effect.Effect<Machine, never, Scope.Scope>]> = [
  ["this machine", Effect.succeed(local)],
  ["a server with sshd", Effect.map(Sshd.make(), (sshd) => remote(serverOf(sshd)))],
  ["the built-in server", Effect.map(builtIn(), ({ server }) => remote(server))]
]

export const awkward = [
  "",
  " ",
  "a  b",
  "'",
  '"',
  "a'b\"c",
  "$HOME",
  "$(id)",
  "`id`",
  "\\",
  "\\n",
  "\n",
  "a\n\nb\n",
  "é日本😀",
  "ÁÂÃÄćĈ",
  "*",
  "~",
  "-n",
  "!x",
  "%s",
  "# no comment",
  "a;b&c|d>e<f",
  "\t",
  "\u0001\u007f",
  "\r\n"
]

/** Prints every argument with a line of its own behind it. */
export const show = script("show", `for each; do printf '%s\\n--\\n' "$each"; done`, awkward)
export const shown = awkward.map((word) => `${word}\n--\n`).join("")

export const sh = (text: string, rest: Omit<Command, "words"> = {}): Command => ({ words: ["sh", "-c", text], ...rest })

/** A live shell and a machine, and a function that runs a command there. */
export const runningOn = (make: Effect.Effect<Machine, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const live = yield* liveShell
    const machine = yield* make
    return { ...live, machine, run: (command: Command) => live.shell.run(machine, command) }
  })
