import { Effect, Schema } from "effect"
import lock from "../../docker/lock.sh" with { type: "text" }
import own from "../../docker/own.sh" with { type: "text" }
import { defineScript, Flag } from "../../processes/Script.ts"
import state from "../state.sh" with { type: "text" }
import text from "./hold.sh" with { type: "text" }

/** What `hold.sh` prints in a rehearsal, where nothing has to be held. */
export const simulated = "locked simulated"

/** Holds the lock of a project on a server for as long as the script runs. */
export const hold = defineScript({
  name: "hold",
  text: `${own}${lock}${state}${text}`,
  args: {
    project: Schema.NonEmptyString,
    /** The folder of the files; empty for the usual one. */
    folder: Schema.String,
    owner: Schema.NonEmptyString,
    /** What the lock says about its holder. */
    payload: Schema.NonEmptyString,
    /** Whether a lock of `jiji lock` of the same owner is no obstacle. */
    mine: Flag,
    /** For how many seconds to wait for a lock that is held. */
    patience: Schema.FiniteFromString,
    /** After how many seconds without a sign of jiji the lock ends. */
    lease: Schema.FiniteFromString
  },
  answer: () => Effect.void,
  usual: () => `${simulated}\n`
})
