import { Effect, Schema } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import type { Failure } from "../../core/Failure.ts"

/** One finding on one machine: a fact, or a problem and what to do about it. */
export const Check = Schema.Struct({
  /** `this machine`, or the server's name. */
  machine: Schema.String,
  name: Schema.String,
  status: Schema.Literals(["ok", "warning", "failed", "skipped"]),
  text: Schema.String,
  /** Present where the status is `warning` or `failed`. */
  remedy: Schema.optionalKey(Schema.String)
})
export type Check = typeof Check.Type

/** The result of every step of `jiji doctor`. */
export const CheckResult = Schema.Struct({ checks: Schema.Array(Check) })

/** The name of this machine in reports. No server can have it. */
export const thisMachine = "this machine"

/** The name in reports of the machine that builds. */
export const builderIn = ({ builder }: Pick<Project, "builder">): string => builder?.name ?? thisMachine

/** Whether one of the servers builds, so that its own checks are also those of the builder. */
export const isServerBuilder = ({ builder, servers }: Pick<Project, "builder" | "servers">): boolean =>
  servers.some(({ name }) => name === builder?.name)

/** Makes checks of one machine. */
export const checksFor = (machine: string) => ({
  ok: (name: string, text: string): Check => ({ machine, name, status: "ok", text }),
  warning: (name: string, text: string, remedy: string): Check => ({ machine, name, status: "warning", text, remedy }),
  failed: (name: string, { message, remedy }: Pick<Failure, "message" | "remedy">): Check => ({
    machine,
    name,
    status: "failed",
    text: message,
    remedy
  }),
  skipped: (reason: string, ...names: ReadonlyArray<string>): ReadonlyArray<Check> =>
    names.map((name) => ({ machine, name, status: "skipped", text: reason }))
})

/** In seconds. Longer than the limits of its commands: doctor gives up no earlier than a deploy, and for the same reason. */
const limit = 90

/** A check that did not finish in time. */
const slow = (machine: string): Pick<Failure, "message" | "remedy"> => ({
  message: `No answer within ${limit} s.`,
  remedy:
    machine === thisMachine
      ? "Check what this machine is busy with, and its network."
      : "Check what the server is busy with (`uptime`, `journalctl -f`), and the network in between."
})

/** Turns a failure into a failed check of this name, and so does a time limit. */
export const catchAsCheck = <A, E extends Failure, R>(
  machine: string,
  name: string,
  effect: Effect.Effect<A, E, R>,
  otherwise: (check: Check) => A
): Effect.Effect<A, never, R> =>
  effect.pipe(
    Effect.catch((error) => Effect.succeed(otherwise(checksFor(machine).failed(name, error)))),
    Effect.timeoutOrElse({
      duration: `${limit} seconds`,
      orElse: () => Effect.succeed(otherwise(checksFor(machine).failed(name, slow(machine))))
    })
  )

/** A server as `deploy@203.0.113.10:2222`. */
export const address = ({ host, port, user }: Server): string =>
  `${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`}`
