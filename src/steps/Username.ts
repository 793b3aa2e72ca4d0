import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import * as Step from "../pipeline/Step.ts"
import { usernameOf } from "./Credentials.ts"

/** Finds the username that is part of images' names. Nothing logs in. */
export const step = Step.make(
  "username",
  Effect.fnUntraced(function* ({ project: { registry } }: { readonly project: Project }) {
    const none: { readonly username?: string } = {}
    if (registry.type === "local" || registry.username === undefined) return Step.skip("none is needed", none)
    const found: { readonly username?: string } = { username: yield* usernameOf(registry.username) }
    return found
  })
)
