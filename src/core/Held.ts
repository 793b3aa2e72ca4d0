import { Context } from "effect"

/** What is held at this moment, for whoever has to go without releasing it. */
export interface Held {
  /** Notes that something is held, until what this returns is called. */
  add(resource: string): () => void
  /** The names of what is held, in the order in which it was acquired. */
  readonly names: () => ReadonlyArray<string>
}

/** Nothing is held yet. */
export const make = (): Held => {
  const all = new Set<{ readonly resource: string }>()
  return {
    add: (resource) => {
      const one = { resource }
      all.add(one)
      return () => void all.delete(one)
    },
    names: () => [...all].map(({ resource }) => resource)
  }
}

/** Where a program's resources are noted. */
export const Held = Context.Reference<Held>("jiji/core/Held", { defaultValue: make })

/** Where a program's steps are noted, by their paths, that were done and would be undone. */
export const UndoableSteps = Context.Reference<Held>("jiji/core/Undoable", { defaultValue: make })
