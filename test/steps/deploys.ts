import { createHash } from "node:crypto"
import { Cause, Exit } from "effect"

/** An image ID or digest, computed as a rehearsal does. */
export const fakeDigest = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`

export const errors = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? exit.cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error] : [])) : []

/** The first words of a `replace` command. */
export const head = (line: string | undefined) => line?.split(" ").slice(0, 4).join(" ")
