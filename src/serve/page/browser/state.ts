import type { RunInfo } from "../../Api.ts"
import type { Session } from "./api.ts"
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
  readonly priority?: number
}

export const isOver = ({ ended }: Run): boolean => ended !== undefined

/** The newest runs and those that have not ended, as far as the page knows them. The newest come first. */
export class Runs {
  readonly #runs = new Map<number, Run>()
  readonly #listeners = new Set<() => void>()
  isLoaded = false

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

  /** Calls a function now and whenever a run has changed, until the view is left. */
  watch(signal: AbortSignal, listener: () => void): void {
    this.#listeners.add(listener)
    signal.addEventListener("abort", () => this.#listeners.delete(listener))
    listener()
  }

  /** Follows all runs until somebody signs out. */
  follow(signal: AbortSignal, onConnected: (isConnected: boolean) => void): void {
    void follow("session/changes", {
      signal,
      onConnected,
      onMessages: (messages) => {
        this.isLoaded = true
        this.add(messages.flatMap(({ data }): ReadonlyArray<Run> => JSON.parse(data)))
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
