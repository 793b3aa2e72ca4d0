import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import * as Step from "../pipeline/Step.ts"
import { builderOf } from "./builder.ts"
import { credentialsOf, usernameOf } from "./Credentials.ts"

const outcomes = { running: "is running", started: "was started", created: "was created" } as const

/** How the run logs in to the registry. Without a password, `username` still names images: the engine may be logged in. */
export interface LoggedIn {
  readonly username?: string
  readonly credentials?: Credentials
}

/**
 * Checks the registry's credentials before anything is built, so that an expired token is found early. Starts the
 * registry if it runs in a container.
 */
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
      const username = registry.username && (yield* usernameOf(registry.username))
      return Step.skip<LoggedIn>(
        `no username and password for ${registry.server}`,
        username === undefined ? {} : { username }
      )
    }
    yield* (yield* Docker).check(project.engine, credentials, builderOf(project))
    const loggedIn: LoggedIn = { credentials, username: credentials.username }
    return loggedIn
  })
)
