import { Option, Schema } from "effect"
import { sourceKeys, type Trigger, triggerFault, TriggerSource } from "../../config/Trigger.ts"

/** A trigger of a pipeline. The file may not have been type-checked. */
const Written = Schema.Struct({
  source: TriggerSource,
  input: Schema.Record(Schema.String, Schema.Unknown)
})

const decodeAll = Schema.decodeUnknownOption(Schema.Array(Written))

/**
 * The triggers of a pipeline, each with a name of its own: `release.cron`, `release.cron-2`. Returns what is wrong with them as a
 * string.
 */
export const namedTriggers = (pipeline: string, on: unknown): ReadonlyArray<Trigger> | string => {
  const written = Option.getOrUndefined(decodeAll(on))
  if (written === undefined) return '`on` must be a list of triggers, such as [Trigger.cron("0 3 * * *")]'
  const counts = new Map<string, number>()
  const triggers: Array<Trigger> = []
  for (const { input, source } of written) {
    const key = sourceKeys[source._tag]
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    const name = `${pipeline}.${key}${count === 1 ? "" : `-${count}`}`
    const trigger: Trigger = { name, source, start: { _tag: "Pipeline", pipeline, input } }
    const fault = triggerFault(trigger)
    if (fault !== undefined) return `The trigger ${name} is not valid. ${fault}.`
    triggers.push(trigger)
  }
  return triggers
}
