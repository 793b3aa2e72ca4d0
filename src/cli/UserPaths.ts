import { homedir } from "node:os"
import { join } from "node:path"
import { Context } from "effect"

interface UserPathsShape {
  /** The folder of docker's `config.json`. */
  readonly dockerConfig: string
  /** The folder where the local registry stores images. */
  readonly registry: string
  /** The file of the run history. */
  readonly history: string
}

/** The folder that a variable names, or the default one in the home folder. XDG treats an empty variable as unset. */
const folder = (variable: string | undefined, fallback: string): string =>
  variable === undefined || variable === "" ? join(homedir(), fallback) : variable

/** Files and folders of the current user; absolute paths. */
export class UserPaths extends Context.Service<UserPaths, UserPathsShape>()("jiji/cli/UserPaths") {
  static readonly make = ({ DOCKER_CONFIG, XDG_DATA_HOME, XDG_STATE_HOME }: NodeJS.ProcessEnv): UserPathsShape => ({
    dockerConfig: folder(DOCKER_CONFIG, ".docker"),
    registry: join(folder(XDG_DATA_HOME, ".local/share"), "jiji/registry"),
    history: join(folder(XDG_STATE_HOME, ".local/state"), "jiji/runs.sqlite")
  })
}
