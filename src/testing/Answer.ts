import { Duration, Effect, Option, Result } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Server } from "../config/Project.ts"
import { simulatedDigest } from "../layers/docker/simulated.ts"
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
  type CommandRequest,
  type Forwarded,
  type Reply,
  type ScriptedOutput,
  usual
} from "../rehearsal/Answer.ts"

/** Prints `stdout` and exits with 0, or with another exit code. */
export const says =
  (stdout: string, more: { readonly stderr?: string; readonly exitCode?: number } = {}): Reply =>
  () =>
    Effect.succeed({ stdout, stderr: "", exitCode: 0, ...more })

/** Fails with an exit code and stderr. jiji parses the stderr like that of a real engine. */
export const fails = (stderr: string, exitCode = 1): Reply => says("", { stderr, exitCode })

/** The program is not installed. */
export const missing: Reply = ({ command, machine }) =>
  machine._tag === "Local"
    ? Effect.fail(new ProgramMissing({ program: command.words[0], reason: new Error("no such program") }))
    : Effect.succeed({ stdout: "", stderr: "", exitCode: 127 })

/** Throws where a test makes a wrong answer, so that the stack trace shows the mistake. */
const requireValid = (isValid: boolean, problem: string, remedy: string): void => {
  if (!isValid) throw new Error(`${problem}: ${remedy}.`)
}

const checkDuration = (api: string, input: Duration.Input): void => {
  const shown = JSON.stringify(input)
  requireValid(Option.isSome(Duration.fromInput(input)), `${api} got ${shown}`, 'pass a duration such as "20 minutes"')
}

const checkGlob = (api: string, on: string): string => {
  requireValid(
    on !== "",
    `${api} names no machine`,
    'pass a server\'s name, "web*", "local" for this machine, or "*" for all'
  )
  return on
}

/** Replies after some time, which passes at once in a rehearsal. */
export const slow = (time: Duration.Input, reply: Reply = usual): Reply => {
  checkDuration("Answer.slow", time)
  return (asked) => Effect.delay(reply(asked), time)
}

/** Never ends. */
export const hangs: Reply = () => Effect.never

/**
 * Stops in the middle of its output. On a server, the connection is lost with everything that runs over it: its tunnel and
 * all its commands. On this machine, the process is killed.
 */
export const cutOff =
  (stdout = ""): Reply =>
  () =>
    Effect.succeed({ stdout, stderr: "", exitCode: 137, isCut: true })

/** Matches commands by their text and by machine. `on` is a glob: `web*`, or `local` for this machine. */
export interface On {
  readonly on: string
  readonly command: Pattern
}

/** Whether a pattern names a script. An answer to any command is not meant for what a rehearsal does not show. */
const namesScript = (pattern: Pattern, { script }: Command): boolean =>
  script !== undefined && String(pattern).includes(`jiji:${script}`)

/**
 * Answers matching commands: the first one with the first reply, the second with the next, and so on; the last reply
 * repeats. Each machine counts separately.
 */
export const when = (pattern: Pattern | On, ...replies: readonly [Reply, ...ReadonlyArray<Reply>]): Answer => {
  const { command: about, on } =
    typeof pattern === "string" || pattern instanceof RegExp ? { command: pattern, on: "*" } : pattern
  checkGlob("Answer.when", on)
  requireValid(
    about !== "",
    "Answer.when names no command",
    'pass its beginning, such as "docker build", or "*" for any'
  )
  return {
    on,
    name: on === "*" ? String(about) : `${about} on ${on}`,
    command: (machine, command) =>
      matchesMachine(on, label(machine)) &&
      (command.quiet !== true || namesScript(about, command)) &&
      matchesPattern(about, commandText(machine, command))
        ? (nth) => replies[Math.min(nth, replies.length) - 1]
        : undefined
  }
}

/** Answers commands with a function's result. If it returns undefined, the script tries the next answer. */
export const from = (answer: (machine: Machine, command: Command) => Partial<Output> | undefined): Answer => ({
  name: "Answer.from(…)",
  command: (machine, command) => {
    const output = command.quiet === true ? undefined : answer(machine, command)
    return output && (() => () => Effect.succeed({ stdout: "", stderr: "", exitCode: 0, ...output }))
  }
})

const connectAnswer = (
  api: string,
  on: string,
  name: string,
  reply: (server: Server) => Effect.Effect<{ readonly isNew: boolean }, SshError>
): Answer => ({
  on: checkGlob(api, on),
  name: `${on} ${name}`,
  connect: (server) => (matchesMachine(on, server.name) ? () => reply(server) : undefined)
})

const forwardAnswer = (
  api: string,
  on: string,
  name: string,
  reply: (server: Server, port: number) => Effect.Effect<Forwarded, SshError | ForwardRefused>
): Answer => ({
  on: checkGlob(api, on),
  name: `the tunnel of ${on} ${name}`,
  forward: (server, port) => (matchesMachine(on, server.name) ? () => reply(server, port) : undefined)
})

const sshPort = ({ port = 22 }: Server): number => port

/** The servers of a glob are unreachable, for a `reason` (default: `refused`). The connection fails `after` some time. */
export const unreachable = (
  on: string,
  options: { readonly reason?: HostUnreachable["reason"]; readonly after?: Duration.Input } = {}
): Answer => {
  const { after = 0, reason = "refused" } = options
  checkDuration("Answer.unreachable", after)
  return connectAnswer("Answer.unreachable", on, "is unreachable", (server) => {
    const error = new HostUnreachable({ server: server.name, host: server.host, port: sshPort(server), reason })
    return Effect.delay(Effect.fail(error), after)
  })
}

/** The servers of a glob present a different host key than the one in known_hosts. */
export const hostKeyChanged = (on: string): Answer =>
  connectAnswer("Answer.hostKeyChanged", on, "has a changed host key", (server) => {
    const { host, knownHosts: file, name } = server
    const keys = { offered: "SHA256:offered", known: "SHA256:known" }
    return Effect.fail(new HostKeyChanged({ server: name, host, port: sshPort(server), ...keys, file, line: 1 }))
  })

/** The servers of a glob are new: jiji adds their host key to known_hosts. */
export const newHost = (on: string): Answer =>
  connectAnswer("Answer.newHost", on, "is new", () => Effect.succeed({ isNew: true }))

/** The servers of a glob refuse to open a tunnel. */
export const tunnelRefused = (on: string): Answer =>
  forwardAnswer("Answer.tunnelRefused", on, "is refused", (server, port) =>
    Effect.fail(new ForwardRefused({ server: server.name, port }))
  )

/** The tunnel's port is in use on the servers of a glob, which open the port `instead`. */
export const portTaken = (on: string, instead = 40_000): Answer => {
  const isPort = Number.isInteger(instead) && instead > 0 && instead < 65_536
  requireValid(isPort, `Answer.portTaken got the port ${instead}`, "pass a whole number from 1 to 65535")
  return forwardAnswer("Answer.portTaken", on, "gets another port", () => Effect.succeed({ port: instead }))
}

/** The servers of a glob lose their connection while they open the tunnel or, with `after`, some time later. */
export const tunnelLost = (on: string, after?: Duration.Input): Answer => {
  if (after !== undefined) checkDuration("Answer.tunnelLost", after)
  return forwardAnswer("Answer.tunnelLost", on, "is lost", (server, port) =>
    after === undefined
      ? Effect.fail(new ConnectionLost({ server: server.name }))
      : Effect.succeed({ port, lostAfter: after })
  )
}

/** What `Answer.server` says about a server. */
export interface ServerFacts {
  /** Its architecture, such as `arm64`; by default that of deploy.yml, or of this machine. */
  readonly arch?: string
  /** The version of each service of the project that runs there; by default none does. */
  readonly running?: Readonly<Record<string, string>>
}

/** A container of the project, as an engine describes it. It differs from the one that a deploy would start. */
const containerOf = (project: string, service: string, version: string) => ({
  Id: simulatedDigest(`container of ${service}:${version}`).slice("sha256:".length),
  Name: `/${project}-${service}`,
  Image: simulatedDigest(`image of ${service}:${version}`),
  State: { Running: true },
  Config: {
    Labels: {
      "jiji.project": project,
      "jiji.service": service,
      "jiji.version": version,
      "jiji.digest": simulatedDigest(`${service}:${version}`),
      "jiji.config": "from another deploy"
    }
  }
})

/** The servers of a glob have this architecture, and these services already run there, in another version than the new one. */
export const server = (on: string, { arch, running = {} }: ServerFacts): Answer => {
  requireValid(arch !== "", "Answer.server got an empty arch", 'pass one such as "arm64"')
  return {
    on: checkGlob("Answer.server", on),
    name: `the server ${on}`,
    command: (machine, { arguments: given = {}, script, usual: usualOutput }) => {
      if (machine._tag === "Local" || !matchesMachine(on, machine.server.name) || usualOutput === undefined)
        return undefined
      const answer = (architecture: string) => usualOutput({ architecture })
      if (script === "probe") {
        return () =>
          ({ usual }) => {
            const [facts = ""] = (arch === undefined ? usual.stdout : answer(arch)).split("\n")
            const containers = Object.entries(running).map(([service, version]) =>
              containerOf(given["project"] ?? "", service, version)
            )
            return Effect.succeed({ ...usual, stdout: `${facts}\n${JSON.stringify(containers)}` })
          }
      }
      // Only what depends on the architecture, so that other answers can be about the rest.
      return arch === undefined || answer("one") === answer("another") ? undefined : () => says(answer(arch))
    }
  }
}

const registryErrors = {
  401: "unauthorized: authentication required",
  403: "unexpected status from the registry: 403 Forbidden",
  404: "manifest unknown: manifest unknown",
  429: "toomanyrequests: too many requests",
  500: "unexpected status from the registry: 500 Internal Server Error",
  503: "unexpected status from the registry: 503 Service Unavailable",
  507: "unexpected status from the registry: 507 Insufficient Storage"
} as const

/** Whether a command connects to a remote registry: a login, a push or a pull. */
const usesRegistry = ({ arguments: given = {}, script, words }: Command): boolean => {
  if (script === "push" || script === "push-index" || script === "pull") {
    const reference = ImageReference.parse(given["image"] ?? given["from"] ?? "")
    return Result.isSuccess(reference) && !ImageReference.isOnLoopback(reference.success)
  }
  return script === "check" || script === "login" || words[1] === "login"
}

/** Remote registries answer logins, pushes and pulls with this HTTP status, which the engine reports in its own words. */
export const registry = (status: keyof typeof registryErrors, on = "*"): Answer => {
  const known = Object.keys(registryErrors)
  requireValid(known.includes(String(status)), `Answer.registry got ${status}`, `pass one of ${known.join(", ")}`)
  return {
    on: checkGlob("Answer.registry", on),
    name: `registry answers ${status} on ${on}`,
    command: (machine, command) =>
      matchesMachine(on, label(machine)) && usesRegistry(command)
        ? () => fails(`Error response from daemon: ${registryErrors[status]}`)
        : undefined
  }
}

const limitTurns = (name: string, answer: Answer, isTurn: (nth: number) => boolean): Answer => {
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

/** Limits an answer to the first `max` attempts on each machine. */
export const times = (max: number, answer: Answer): Answer => {
  requireValid(Number.isInteger(max) && max > 0, `Answer.times got ${max}`, "pass a whole number, 1 or more")
  return limitTurns(`at most ${max} times`, answer, (nth) => nth <= max)
}

/** Limits an answer to one attempt on each machine; 1 is the first. */
export const nth = (which: number, answer: Answer): Answer => {
  requireValid(Number.isInteger(which) && which > 0, `Answer.nth got ${which}`, "pass a whole number, 1 for the first")
  return limitTurns(`only attempt ${which}`, answer, (nth) => nth === which)
}

/** Sends a signal to the first step that waits for it, `after` a time that passes at once in a rehearsal. */
export const signal = (
  name: string,
  value: unknown = true,
  { after, by = "somebody" }: { readonly after?: Duration.Input; readonly by?: string } = {}
): Answer => {
  if (after !== undefined) checkDuration("Answer.signal", after)
  return {
    name: `the signal ${name}`,
    signal: (asked) =>
      asked === name
        ? (nth) => (nth === 1 ? { value, by, ...(after !== undefined && { after }) } : undefined)
        : undefined
  }
}

/** Never sends a signal to a step that waits for it. */
export const noSignal = (name: string): Answer => ({
  name: `no signal ${name}`,
  signal: (asked) => (asked === name ? () => ({ value: undefined, by: "", after: Duration.infinity }) : undefined)
})
