import { Cause, Effect, Layer, Logger } from "effect"
import { Events } from "./Events.ts"

const text = (message: unknown): string =>
  typeof message === "string" ? message : Bun.inspect(message, { compact: true })

const grave = new Set(["Warn", "Error", "Fatal"])

/**
 * What a step logs, as a note of that step. So it is shown, kept and free of secrets like all else, draws over no picture,
 * and events as JSON stay nothing but that.
 */
export const stepLogger: Layer.Layer<never, never, Events> = Layer.effect(
  Logger.CurrentLoggers,
  Effect.map(
    Events,
    ({ publish }) =>
      new Set<Logger.Logger<unknown, unknown>>([
        Logger.tracerLogger,
        Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
          const said = (Array.isArray(message) ? message : [message]).map(text)
          if (cause.reasons.length > 0) said.push(Cause.pretty(cause))
          const level = grave.has(logLevel) ? "warning" : "info"
          // With what is around the fiber that logs: its path above all.
          Effect.runSyncWith(fiber.context)(publish({ _tag: "StepNoted", level, text: said.join(" ") }))
        })
      ])
  )
)
