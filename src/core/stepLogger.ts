import { Cause, Effect, Layer, Logger } from "effect"
import { Events } from "./Events.ts"

const toText = (message: unknown): string =>
  typeof message === "string" ? message : Bun.inspect(message, { compact: true })

const warningLevels = new Set(["Warn", "Error", "Fatal"])

/**
 * Publishes what a step logs as a StepNoted event of that step. So log messages are scrubbed and recorded like everything
 * else, do not disturb the live view, and do not mix with the events on stdout under `--json`.
 */
export const stepLogger: Layer.Layer<never, never, Events> = Layer.effect(
  Logger.CurrentLoggers,
  Effect.map(
    Events,
    ({ publish }) =>
      new Set<Logger.Logger<unknown, unknown>>([
        Logger.tracerLogger,
        Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
          const parts = (Array.isArray(message) ? message : [message]).map(toText)
          if (cause.reasons.length > 0) parts.push(Cause.pretty(cause))
          const level = warningLevels.has(logLevel) ? "warning" : "info"
          // Use the context of the fiber that logs: it has the step's path.
          Effect.runSyncWith(fiber.context)(publish({ _tag: "StepNoted", level, text: parts.join(" ") }))
        })
      ])
  )
)
