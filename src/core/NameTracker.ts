import { Context } from "effect"

/** A set of names that change over time: the resources that are held now, or the steps that can be undone now. */
export interface NameTracker {
  /** Adds a name. The returned function removes it again. */
  add(name: string): () => void
  /** The current names, in the order in which they were added. */
  readonly names: () => ReadonlyArray<string>
}

/** Creates an empty tracker. */
export const make = (): NameTracker => {
  // Objects, not strings: a name can be added more than once.
  const entries = new Set<{ readonly name: string }>()
  return {
    add: (name) => {
      const entry = { name }
      entries.add(entry)
      return () => void entries.delete(entry)
    },
    names: () => [...entries].map(({ name }) => name)
  }
}

/** The resources that a program holds now. If jiji has to exit without releasing them, it lists them. */
export const HeldResources = Context.Reference<NameTracker>("jiji/core/HeldResources", { defaultValue: make })

/** The paths of the completed steps that have an undo which has not run yet. */
export const UndoableSteps = Context.Reference<NameTracker>("jiji/core/UndoableSteps", { defaultValue: make })
