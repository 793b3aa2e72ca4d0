import { Effect, type Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { secretNames } from "../config/secretNames.ts"
import { Secrets } from "../layers/Secrets.ts"
import * as Step from "../pipeline/Step.ts"

/** Finds every secret that the run needs before anything is touched, or says which ones are missing. */
export const step = Step.make(
  "secrets",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const names = secretNames(project)
    const none: ReadonlyMap<string, Redacted.Redacted<string>> = new Map()
    if (names.length === 0) return Step.skip("none is used", { secrets: none })
    return { secrets: yield* (yield* Secrets).resolve(names) }
  })
)
