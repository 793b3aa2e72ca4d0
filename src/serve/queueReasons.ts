import { joinWords } from "../core/text.ts"
import type { RunWait, StoredRun } from "./RunStore.ts"

/** Why a run does not run. */
interface Reason {
  readonly run: StoredRun
  readonly why: string
  /** The run that is in its way. */
  readonly after?: number
}

const timeOf = (millis: number): string => new Date(millis).toISOString()

const waitText = ({ retry, signal, until }: RunWait, retries: number): string => {
  if (retry !== undefined) return `retry ${retry} of ${retries} at ${timeOf(until ?? 0)}`
  const limit = until === undefined ? "" : ` until ${timeOf(until)}`
  return signal === undefined ? timeOf(until ?? 0) : `the signal ${signal}${limit}`
}

/** What a waiting run waits for. */
const waitsText = ({ retries, waits }: StoredRun): string =>
  `waits for ${joinWords(
    (waits ?? []).map((wait) => waitText(wait, retries)),
    "and"
  )}`

/** Whether a run starts before another one with its key. */
const isBefore = (one: StoredRun, other: StoredRun): boolean =>
  one.priority > other.priority || (one.priority === other.priority && one.number < other.number)

/**
 * Says of each run that waits why it does. `queued` must be in the order in which runs start. `places` is how many can run at the
 * same time.
 */
export const queueReasons = (
  {
    queued,
    running,
    waiting
  }: {
    readonly queued: ReadonlyArray<StoredRun>
    readonly running: ReadonlyArray<StoredRun>
    readonly waiting: ReadonlyArray<StoredRun>
  },
  places: number
): ReadonlyArray<Reason> => {
  const last = new Map<string, StoredRun>()
  const named = ({ number, project }: StoredRun) => `waits for run ${number} of ${project}`
  const reasonOf = (run: StoredRun): Reason => {
    const ahead = last.get(run.busy_key)
    last.set(run.busy_key, run)
    if (ahead !== undefined) return { run, why: named(ahead), after: ahead.number }
    const busy = running.find((each) => each.busy_key === run.busy_key)
    if (busy !== undefined) return { run, why: named(busy), after: busy.number }
    const holder = waiting.find((each) => each.busy_key === run.busy_key && isBefore(each, run))
    if (holder !== undefined) {
      return { run, why: `${named(holder)}, which ${waitsText(holder)}`, after: holder.number }
    }
    return {
      run,
      why:
        running.length < places
          ? "starts now"
          : `waits until another run ends: ${running.length} of ${places} are running`
    }
  }
  return [...queued.map(reasonOf), ...waiting.map((run) => ({ run, why: waitsText(run) }))]
}
