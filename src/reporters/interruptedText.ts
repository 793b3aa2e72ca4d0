import type { Event } from "../core/Event.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

type Interrupted = Extract<Event, { readonly _tag: "RunInterrupted" }>

/** How an interrupted run ended: `interrupted after 3.0 s`, or what it waits for in `jiji serve`. */
export const interruptedText = ({ millis, waits }: Interrupted): string => {
  if (waits === undefined) return `interrupted after ${formatDuration(millis)}`
  const all = waits.map(({ signal, until }) =>
    signal === undefined ? `until ${new Date(until ?? 0).toISOString()}` : `for the signal ${oneLine(signal)}`
  )
  return `waits ${[...new Set(all)].join(", ")}`
}
