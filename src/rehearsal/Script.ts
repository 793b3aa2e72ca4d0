import { Effect } from "effect"
import type { Server } from "../config/Project.ts"
import type { Command } from "../layers/processes/Command.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import type { ForwardRefused, SshError } from "../layers/ssh/SshError.ts"
import { CurrentPath } from "../core/Events.ts"
import * as Answers from "./Answer.ts"
import { commandText } from "./commandText.ts"
import { usualAnswers } from "./usualAnswers.ts"
import type { ShellError } from "../layers/shell/Shell.ts"

/** Answers in the order in which they were given, and how often each was asked. */
export interface Script {
  command(machine: Machine, command: Command): Effect.Effect<Answers.ScriptedOutput, ShellError>
  connect(server: Server): Effect.Effect<{ readonly isNew: boolean }, SshError> | undefined
  forward(server: Server, port: number): Effect.Effect<Answers.Forwarded, SshError | ForwardRefused> | undefined
  /** What is not answered yet, by the node that asked: `"docker build" on web1`. */
  readonly asked: ReadonlyMap<string, string>
  /** The names of the answers that nothing has asked for. */
  readonly unused: () => ReadonlyArray<string>
}

/** A script that nothing was asked of yet. */
export const make = (answers: ReadonlyArray<Answers.Answer>): Script => {
  const counts = new Map<Answers.Answer, Map<string, number>>()
  const used = new Set<Answers.Answer>()
  const answered = usualAnswers()
  const asked = new Map<string, string>()

  /** What the first answer says that has one for this machine, and for this time. */
  const first = <A>(
    machine: string,
    ask: (answer: Answers.Answer) => ((nth: number) => A | undefined) | undefined
  ): A | undefined => {
    for (const answer of answers) {
      const reply = ask(answer)
      if (reply === undefined) continue
      const times = counts.get(answer) ?? new Map<string, number>()
      const nth = (times.get(machine) ?? 0) + 1
      counts.set(answer, times.set(machine, nth))
      const found = reply(nth)
      if (found === undefined) continue
      used.add(answer)
      return found
    }
    return undefined
  }

  return {
    command: (machine, command) => {
      const reply = first(label(machine), (answer) => answer.command?.(machine, command))
      const said = (reply ?? Answers.usual)({ machine, command, usual: answered(machine, command) })
      return Effect.flatMap(CurrentPath, (path) => {
        asked.set(path, `${JSON.stringify(commandText(machine, command))} on ${label(machine)}`)
        return Effect.ensuring(
          said,
          Effect.sync(() => asked.delete(path))
        )
      })
    },
    connect: (server) => first(server.name, (answer) => answer.connect?.(server)),
    forward: (server, port) => first(server.name, (answer) => answer.forward?.(server, port)),
    asked,
    unused: () => answers.filter((answer) => !used.has(answer)).map(({ name }) => name)
  }
}
