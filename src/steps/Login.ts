import { Effect, Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import { Secrets } from "../layers/secrets/Secrets.ts"
import * as Step from "../pipeline/Step.ts"
import { credentialsOf } from "./Credentials.ts"

const outcomes = { running: "runs", started: "was started", created: "was made" } as const

/** Who the run is to the registry. Images may be named by the user also where an engine has the password already. */
export interface LoggedIn {
  readonly username?: string
  readonly credentials?: Credentials
}

/** Finds the registry's credentials and tries them, so that a token that has expired is known before anything is built; starts a registry that runs in a container. */
export const step = Step.make(
  "login",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const { registry } = project
    if (registry.type === "local") {
      if (registry.container === undefined) return Step.skip<LoggedIn>("the registry is local", {})
      const { container, port } = registry
      const found = yield* (yield* RegistryContainer).ensure({ engine: project.engine, port, image: container.image })
      return Step.skip<LoggedIn>(`the registry is local; its container ${outcomes[found]}`, {})
    }
    const credentials = yield* credentialsOf(registry)
    if (credentials === undefined) {
      const username = registry.username && Redacted.value(yield* (yield* Secrets).value(registry.username))
      return Step.skip<LoggedIn>(
        `no username and password for ${registry.server}`,
        username === undefined ? {} : { username }
      )
    }
    yield* (yield* Docker).check(project.engine, credentials)
    const loggedIn: LoggedIn = { credentials, username: credentials.username }
    return loggedIn
  })
)
