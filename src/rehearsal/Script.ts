import { Effect } from "effect"
import type { Server } from "../config/Project.ts"
import type { Command, Output } from "../layers/processes/Command.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import type { ForwardRefused, SshError } from "../layers/ssh/SshError.ts"
import { CurrentPath } from "../core/Events.ts"
import * as Answers from "./Answer.ts"
import { commandText } from "./commandText.ts"
import { describeReply, isOutput, WrongAnswer } from "./WrongAnswer.ts"
import { usualAnswers } from "./usualAnswers.ts"
import type { ShellError } from "../layers/shell/Shell.ts"

/** The answers of a rehearsal, tried in order, and how often each one was used. */
export interface Script {
  command(machine: Machine, command: Command): Effect.Effect<Answers.ScriptedOutput, ShellError>
  /** Returns the usual output of a quiet command, unless an answer names it. */
  quiet(machine: Machine, command: Command): Output | undefined
  connect(server: Server): Effect.Effect<{ readonly isNew: boolean }, SshError> | undefined
  forward(server: Server, port: number): Effect.Effect<Answers.Forwarded, SshError | ForwardRefused> | undefined
  signal(name: string): Answers.SentSignal | undefined
  /** The commands without an answer yet, by the path of their node: `"docker build" on web1`. */
  readonly pending: ReadonlyMap<string, () => string>
  /** The names of the unused answers. */
  readonly unused: () => ReadonlyArray<string>
}

/** Makes a script. */
export const make = (answers: ReadonlyArray<Answers.Answer>): Script => {
  const counts = new Map<Answers.Answer, Map<string, number>>()
  const used = new Set<Answers.Answer>()
  const usualOutput = usualAnswers()
  // Functions, because a text is only needed if something is wrong.
  const pending = new Map<string, () => string>()

  /** Finds the first answer that matches and replies to this machine at this attempt. */
  const firstReply = <A>(
    machine: string,
    ask: (answer: Answers.Answer) => ((nth: number) => A | undefined) | undefined
  ): { readonly name: string; readonly found: A } | undefined => {
    for (const answer of answers) {
      const reply = ask(answer)
      if (reply === undefined) continue
      const times = counts.get(answer) ?? new Map<string, number>()
      const nth = (times.get(machine) ?? 0) + 1
      counts.set(answer, times.set(machine, nth))
      const found = reply(nth)
      if (found === undefined) continue
      used.add(answer)
      return { name: answer.name, found }
    }
    return undefined
  }

  return {
    command: (machine, command) => {
      const { found: reply, name } = firstReply(label(machine), (answer) => answer.command?.(machine, command)) ?? {
        name: "Answer.usual",
        found: Answers.usual
      }
      const text = () => `${JSON.stringify(commandText(machine, command))} on ${label(machine)}`
      return Effect.flatMap(CurrentPath, (path) => {
        const wrong = (value: unknown) =>
          Effect.die(new WrongAnswer({ path, command: text(), answer: name, got: describeReply(value) }))
        if (typeof reply !== "function") return wrong(reply)
        const output = reply({ machine, command, usual: usualOutput(machine, command) })
        if (!Effect.isEffect(output)) return wrong(output)
        pending.set(path, text)
        return Effect.ensuring(
          Effect.filterOrElse(output, isOutput, wrong),
          Effect.sync(() => pending.delete(path))
        )
      })
    },
    quiet: (machine, command) =>
      command.quiet === true && !answers.some((answer) => answer.command?.(machine, command) !== undefined)
        ? usualOutput(machine, command)
        : undefined,
    connect: (server) => firstReply(server.name, (answer) => answer.connect?.(server))?.found,
    forward: (server, port) => firstReply(server.name, (answer) => answer.forward?.(server, port))?.found,
    signal: (name) => firstReply(`signal ${name}`, (answer) => answer.signal?.(name))?.found,
    pending,
    unused: () => answers.filter((answer) => !used.has(answer)).map(({ name }) => name)
  }
}
