import { Effect, Layer } from "effect"
import { Events } from "../core/Events.ts"
import { plannedEvent } from "./commandText.ts"
import { machines, Recording } from "./layers.ts"
import * as RealServices from "./RealServices.ts"
import * as Script from "./Script.ts"

/** A recording that also publishes each entry as an event. */
const publishing = Layer.effect(
  Recording,
  Effect.map(Events, ({ publish }) => {
    const { add, entries } = Recording.make()
    return Recording.of({ entries, add: (entry) => Effect.andThen(add(entry), publish(plannedEvent(entry))) })
  })
)

/** The layers of `--dry-run`: machines on which nothing runs yet and everything succeeds. Their actions become events. */
export const layer = Layer.unwrap(Effect.sync(() => machines(Script.make([])))).pipe(
  Layer.provideMerge(publishing),
  Layer.merge(RealServices.layer)
)
