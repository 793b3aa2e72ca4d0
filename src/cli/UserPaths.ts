import { Context } from "effect"
import { isAbsolute, join, resolve } from "node:path"
import { homeFolder } from "../core/homeFolder.ts"

interface UserPathsShape {
  /** The folder of docker's `config.json`. */
  readonly dockerConfig: string
  /** The folder where the local registry stores images. */
  readonly registry: string
  /** The file of the run history. */
  readonly history: string
  /** The database of `jiji serve`. */
  readonly serve: string
}

/** Files and folders of the current user; absolute paths. */
export class UserPaths extends Context.Service<UserPaths, UserPathsShape>()("jiji/cli/UserPaths") {
  static readonly make = (env: NodeJS.ProcessEnv): UserPathsShape => {
    const home = homeFolder(env)
    const { DOCKER_CONFIG = "", XDG_DATA_HOME = "", XDG_STATE_HOME = "" } = env
    /** The XDG specification ignores empty and relative paths. */
    const folder = (variable: string, fallback: string) => (isAbsolute(variable) ? variable : join(home, fallback))
    return {
      // docker accepts a relative path.
      dockerConfig: DOCKER_CONFIG === "" ? join(home, ".docker") : resolve(DOCKER_CONFIG),
      registry: join(folder(XDG_DATA_HOME, ".local/share"), "jiji/registry"),
      history: join(folder(XDG_STATE_HOME, ".local/state"), "jiji/runs.sqlite"),
      serve: join(folder(XDG_STATE_HOME, ".local/state"), "jiji/serve.sqlite")
    }
  }
}
