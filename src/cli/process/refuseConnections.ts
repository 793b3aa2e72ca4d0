import { Fiber } from "effect"
import { CurrentStep } from "../../pipeline/interpreter/undos.ts"
import { notSimulated, type NotSimulated } from "../../rehearsal/NotSimulated.ts"

const names = ["fetch", "WebSocket", "EventSource"] as const

/**
 * Makes the global functions that open connections fail, until the returned function is called. The step that calls one
 * fails, and `fail` ends the run: the step itself may catch the error, wrap it, or retry for an hour.
 */
export const refuseConnections = (fail: (error: NotSimulated) => void): (() => void) => {
  const original = names.flatMap((name) => (name in globalThis ? [[name, globalThis[name]] as const] : []))
  for (const [name] of original) {
    // A `function`, since WebSocket is called with `new`.
    const refused = function () {
      const error = notSimulated(name)
      // Unknown after an `await` in an async function. Then only the run fails.
      const step = Fiber.getCurrent()?.getRef(CurrentStep)
      if (step !== undefined) step.violation ??= error
      fail(error)
      if (name !== "fetch") throw error
      // Later, so that the run ends with this error and not with what the step makes of it.
      return new Promise((_, reject) => void setTimeout(reject, 100, error))
    }
    Object.assign(globalThis, { [name]: refused })
  }
  return () => void Object.assign(globalThis, Object.fromEntries(original))
}
