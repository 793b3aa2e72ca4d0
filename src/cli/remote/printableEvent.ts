import type { Event } from "../../core/Event.ts"
import { printable } from "../../core/text.ts"

const clean = (value: unknown): unknown => {
  if (typeof value === "string") return value.split("\n").map(printable).join("\n")
  if (Array.isArray(value)) return value.map(clean)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [printable(key), clean(inner)]))
}

/**
 * An event whose texts are safe to print. Reporters do this with what a command prints, but trust the names that jiji itself
 * gives, such as the run's ID. Another machine could send anything as such a name.
 */
export const printableEvent = (event: Event): Event =>
  // Only texts change, and no field of an event is limited to texts that this changes.
  clean(event) as Event
