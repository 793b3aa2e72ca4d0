import { homedir } from "node:os"
import { join } from "node:path"

/** A folder that a variable names, or else one in the user's home; an empty variable counts as none, as XDG says. */
const folder = (named: string | undefined, usual: string): string =>
  named === undefined || named === "" ? join(homedir(), usual) : named

/** What jiji keeps on this machine, and what it reads that others keep; absolute paths. */
export const files = ({ DOCKER_CONFIG, XDG_DATA_HOME, XDG_STATE_HOME }: NodeJS.ProcessEnv) => ({
  /** The folder of docker's logins. */
  dockerConfig: folder(DOCKER_CONFIG, ".docker"),
  /** The folder of the local registry's images. */
  store: join(folder(XDG_DATA_HOME, ".local/share"), "jiji/registry"),
  /** The file of this machine's runs. */
  record: join(folder(XDG_STATE_HOME, ".local/state"), "jiji/runs.sqlite")
})
