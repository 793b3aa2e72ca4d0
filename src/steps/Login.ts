import { Effect, Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/Docker.ts"
import { Secrets } from "../layers/Secrets.ts"
import * as Step from "../pipeline/Step.ts"

/** Logs this machine's engine in to the project's registry. */
export const step = Step.make(
  "login",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const { registry } = project
    const none: { readonly credentials?: Credentials } = {}
    if (registry.type === "local") return Step.skip("the registry is local", none)
    if (registry.username === undefined || registry.password === undefined) {
      return Step.skip(`no username and password for ${registry.server}`, none)
    }
    const secrets = yield* Secrets
    const credentials = {
      server: registry.server,
      username: Redacted.value(yield* secrets.value(registry.username)),
      password: yield* secrets.value(registry.password)
    }
    yield* (yield* Docker).login(project.engine, credentials)
    return { credentials }
  })
)
