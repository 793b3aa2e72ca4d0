import { Duration, Effect, Option } from "effect"
import type { Server } from "../config/Project.ts"
import { type Command, type Output, ProgramMissing } from "../layers/processes/Command.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import {
  ConnectionLost,
  ForwardRefused,
  HostKeyChanged,
  HostUnreachable,
  type SshError
} from "../layers/ssh/SshError.ts"
import { matchesPattern, matchesMachine, type Pattern } from "./pattern.ts"
import { type Answer, type PerAttempt, type Forwarded, type Reply, usual } from "../rehearsal/Answer.ts"
import { commandText } from "../rehearsal/commandText.ts"

export {
  type Answer,
  type CommandRequest as Asked,
  type Forwarded,
  type Reply,
  type ScriptedOutput as Said,
  usual
} from "../rehearsal/Answer.ts"

/** Says something and ends well, or with another exit code. */
export const says =
  (stdout: string, more: { readonly stderr?: string; readonly exitCode?: number } = {}): Reply =>
  () =>
    Effect.succeed({ stdout, stderr: "", exitCode: 0, ...more })

/** Ends badly, with what it writes to stderr; the layers make of that what they make of an engine's own words. */
export const fails = (stderr: string, exitCode = 1): Reply => says("", { stderr, exitCode })

/** The program is not there. */
export const missing: Reply = ({ command, machine }) =>
  machine._tag === "Local"
    ? Effect.fail(new ProgramMissing({ program: command.words[0], reason: new Error("no such program") }))
    : Effect.succeed({ stdout: "", stderr: "", exitCode: 127 })

/** What is wrong with how a script is written is told where it is written. */
const must = (is: boolean, what: string, write: string): void => {
  if (!is) throw new Error(`${what}: ${write}.`)
}

const duration = (what: string, input: Duration.Input): void => {
  const shown = JSON.stringify(input)
  must(Option.isSome(Duration.fromInput(input)), `${what} is given ${shown}`, 'write a time such as "20 minutes"')
}

const glob = (what: string, on: string): string => {
  must(
    on !== "",
    `${what} names no machine`,
    'write a server\'s name, "web*", "local" for this machine, or "*" for all'
  )
  return on
}

/** Takes its time, of which a rehearsal has any amount. */
export const slow = (time: Duration.Input, reply: Reply = usual): Reply => {
  duration("Answer.slow", time)
  return (asked) => Effect.delay(reply(asked), time)
}

/** Is never done. */
export const hangs: Reply = () => Effect.never

/**
 * Stops in the middle of what it writes. On a server the connection is lost, with everything that runs over it: its
 * tunnel and all its commands. On this machine the process was killed.
 */
export const cutOff =
  (stdout = ""): Reply =>
  () =>
    Effect.succeed({ stdout, stderr: "", exitCode: 137, isCut: true })

/** Commands by their text, and by the glob of the machines that they run on: `web*`, or `local` for this one. */
export interface On {
  readonly on: string
  readonly command: Pattern
}

/**
 * Commands of a pattern are answered so: the first time with the first reply, then with the next; the last one stays.
 * Every machine counts for itself.
 */
export const when = (pattern: Pattern | On, ...replies: readonly [Reply, ...ReadonlyArray<Reply>]): Answer => {
  const { command: about, on } =
    typeof pattern === "string" || pattern instanceof RegExp ? { command: pattern, on: "*" } : pattern
  glob("Answer.when", on)
  must(about !== "", "Answer.when names no command", 'write how it begins, "docker build" for one, or "*" for any')
  return {
    on,
    name: on === "*" ? String(about) : `${about} on ${on}`,
    command: (machine, command) =>
      matchesMachine(on, label(machine)) && matchesPattern(about, commandText(machine, command))
        ? (nth) => replies[Math.min(nth, replies.length) - 1]
        : undefined
  }
}

/** Commands are answered with what a function makes of them; where that is nothing, the next answer is asked. */
export const from = (answer: (machine: Machine, command: Command) => Partial<Output> | undefined): Answer => ({
  name: "a function's",
  command: (machine, command) => {
    const output = answer(machine, command)
    return output && (() => () => Effect.succeed({ stdout: "", stderr: "", exitCode: 0, ...output }))
  }
})

const connecting = (
  on: string,
  name: string,
  reply: (server: Server) => Effect.Effect<{ readonly isNew: boolean }, SshError>
): Answer => ({
  on: glob(`An answer that ${name}`, on),
  name: `${on} ${name}`,
  connect: (server) => (matchesMachine(on, server.name) ? () => reply(server) : undefined)
})

const forwarding = (
  on: string,
  name: string,
  reply: (server: Server, port: number) => Effect.Effect<Forwarded, SshError | ForwardRefused>
): Answer => ({
  on: glob(`An answer whose tunnel ${name}`, on),
  name: `the tunnel of ${on} ${name}`,
  forward: (server, port) => (matchesMachine(on, server.name) ? () => reply(server, port) : undefined)
})

const sshPort = ({ port = 22 }: Server): number => port

/** Servers of a glob cannot be reached, which is known after a while. */
export const unreachable = (
  on: string,
  options: { readonly reason?: HostUnreachable["reason"]; readonly after?: Duration.Input } = {}
): Answer => {
  const { after = 0, reason = "refused" } = options
  duration("Answer.unreachable", after)
  return connecting(on, "cannot be reached", (server) => {
    const error = new HostUnreachable({ server: server.name, host: server.host, port: sshPort(server), reason })
    return Effect.delay(Effect.fail(error), after)
  })
}

/** Servers of a glob show another host key than known_hosts has. */
export const hostKeyChanged = (on: string): Answer =>
  connecting(on, "shows another host key", (server) => {
    const { host, knownHosts: file, name } = server
    const keys = { offered: "SHA256:offered", known: "SHA256:known" }
    return Effect.fail(new HostKeyChanged({ server: name, host, port: sshPort(server), ...keys, file, line: 1 }))
  })

/** Servers of a glob show a host key for the first time, and it is recorded. */
export const newHost = (on: string): Answer => connecting(on, "is new", () => Effect.succeed({ isNew: true }))

/** Servers of a glob do not open a tunnel. */
export const tunnelRefused = (on: string): Answer =>
  forwarding(on, "is refused", (server, port) => Effect.fail(new ForwardRefused({ server: server.name, port })))

/** The port of the tunnel is taken on servers of a glob, which open another one. */
export const portTaken = (on: string, instead = 40_000): Answer =>
  forwarding(on, "gets another port", () => Effect.succeed({ port: instead }))

/** The connection of servers of a glob is lost while the tunnel is opened, or some time after that. */
export const tunnelLost = (on: string, after?: Duration.Input): Answer => {
  if (after !== undefined) duration("Answer.tunnelLost", after)
  return forwarding(on, "is lost", (server, port) =>
    after === undefined
      ? Effect.fail(new ConnectionLost({ server: server.name }))
      : Effect.succeed({ port, lostAfter: after })
  )
}

const refusals = {
  401: "unauthorized: authentication required",
  403: "unexpected status from the registry: 403 Forbidden",
  404: "manifest unknown: manifest unknown",
  429: "toomanyrequests: too many requests",
  500: "unexpected status from the registry: 500 Internal Server Error",
  503: "unexpected status from the registry: 503 Service Unavailable",
  507: "unexpected status from the registry: 507 Insufficient Storage"
} as const

/** Whether a command talks to a remote registry: a login, a push, or a pull. */
const asksRegistry = ({ script, words }: Command): boolean => {
  if (script === "push" || script === "pull") return !(words[5] ?? "").startsWith("localhost:")
  return script === "check" || script === "login" || words[1] === "login"
}

/** Remote registries answer logins, pushes and pulls with an HTTP status, in the engine's words. */
export const registry = (status: keyof typeof refusals, on = "*"): Answer => ({
  on: glob("Answer.registry", on),
  name: `the registry's ${status} on ${on}`,
  command: (machine, command) =>
    matchesMachine(on, label(machine)) && asksRegistry(command)
      ? () => fails(`Error response from daemon: ${refusals[status]}`)
      : undefined
})

const turns = (name: string, answer: Answer, isTurn: (nth: number) => boolean): Answer => {
  const only =
    <Q extends ReadonlyArray<unknown>, A>(ask: (...asked: Q) => PerAttempt<A>) =>
    (...asked: Q): PerAttempt<A> => {
      const reply = ask(...asked)
      return reply && ((nth) => (isTurn(nth) ? reply(nth) : undefined))
    }
  const { command, connect, forward, on } = answer
  return {
    ...(on !== undefined && { on }),
    name: `${answer.name}, ${name}`,
    ...(command && { command: only(command) }),
    ...(connect && { connect: only(connect) }),
    ...(forward && { forward: only(forward) })
  }
}

/** An answer for the first times that each machine is asked. */
export const times = (most: number, answer: Answer): Answer => {
  must(Number.isInteger(most) && most > 0, `Answer.times is given ${most}`, "write how many times, 1 or more")
  return turns(`${most} times`, answer, (nth) => nth <= most)
}

/** An answer for one time alone: 1 is the first that each machine is asked. */
export const nth = (which: number, answer: Answer): Answer => {
  must(Number.isInteger(which) && which > 0, `Answer.nth is given ${which}`, "write which time, 1 for the first")
  return turns(`time ${which}`, answer, (nth) => nth === which)
}
