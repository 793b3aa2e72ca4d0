import type { RunInfo } from "../../Api.ts"
import { getRun, type Session } from "./api.ts"
import { follow } from "./stream.ts"

/** A step, a time or a retry that a run waits for. */
export interface Wait {
  readonly path?: string
  readonly signal?: string
  readonly until?: number
  readonly retry?: number
}

/** A run as the API shows it. Runs that wait have more fields. */
export type Run = Omit<RunInfo, "status"> & {
  readonly status: RunInfo["status"] | "waiting"
  readonly waits?: ReadonlyArray<Wait>
}

export const isOver = ({ ended }: Run): boolean => ended !== undefined

/** How many runs a connection starts with: see src/serve/page/changes.ts. */
const newest = 50

/** The runs that the page knows: the newest ones, those that have not ended, and those that somebody has looked at. */
export class Runs {
  readonly #runs = new Map<number, Run>()
  readonly #listeners = new Set<() => void>()
  isLoaded = false
  /** The page knows all runs from this ID on. */
  floor = 0

  /** The newest come first. */
  get all(): ReadonlyArray<Run> {
    return [...this.#runs.values()].sort((a, b) => b.id - a.id)
  }

  get(id: number): Run | undefined {
    return this.#runs.get(id)
  }

  add(runs: ReadonlyArray<Run>): void {
    for (const run of runs) this.#runs.set(run.id, run)
    for (const listener of this.#listeners) listener()
  }

  /** Takes what a connection starts with. The page may have missed runs since the last one, and how others ended. */
  #start(runs: ReadonlyArray<Run>): void {
    const ids = runs.map(({ id }) => id).sort((a, b) => b - a)
    const floor = ids[newest - 1] ?? 0
    const last = Math.max(0, ...this.#runs.keys())
    if (!this.isLoaded || floor > last + 1) this.floor = floor
    this.isLoaded = true
    const gone = this.all.filter((run) => !isOver(run) && !ids.includes(run.id))
    this.add(runs)
    for (const { id } of gone) {
      getRun(id).then(
        (run) => this.add([run]),
        () => this.#runs.delete(id)
      )
    }
  }

  /** Calls a function now and whenever a run has changed, until the view is left. */
  watch(signal: AbortSignal, listener: () => void): void {
    this.#listeners.add(listener)
    signal.addEventListener("abort", () => this.#listeners.delete(listener))
    listener()
  }

  /** Follows all runs until somebody signs out. */
  follow(signal: AbortSignal, onConnected: (isConnected: boolean) => void): void {
    let isFirst = true
    void follow("session/changes", {
      signal,
      onConnected: (isConnected) => {
        isFirst = true
        onConnected(isConnected)
      },
      onMessages: (messages) => {
        for (const { data } of messages) {
          const runs: ReadonlyArray<Run> = JSON.parse(data)
          if (isFirst) this.#start(runs)
          else this.add(runs)
          isFirst = false
        }
      }
    })
  }
}

/** What every view has. */
export interface View {
  readonly session: Session
  readonly runs: Runs
  /** Aborted when the view is left. */
  readonly signal: AbortSignal
  /** Tells something to who has asked for it, also to who cannot see the page. */
  readonly notify: (text: string, kind?: "error") => void
}

export const allows = ({ allows }: Session, role: string): boolean => allows.includes(role)
