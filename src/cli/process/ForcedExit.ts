import { Context } from "effect"

export interface ForcedExitShape {
  /** Called on a second signal. jiji exits when it has completed, and prints what it returns. It must not take long. */
  before: (() => Promise<string>) | undefined
}

/** What is still to do when a second signal makes jiji exit immediately. */
export const ForcedExit = Context.Reference<ForcedExitShape>("jiji/cli/ForcedExit", {
  defaultValue: () => ({ before: undefined })
})
