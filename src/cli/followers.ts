import type { Project } from "../config/Project.ts"
import { recorder } from "../record/recorder.ts"
import { currentUser } from "../record/Owner.ts"
import { json } from "../reporters/json.ts"
import { plain } from "../reporters/plain.ts"
import { feed, type Follower } from "../reporters/Reporter.ts"
import { terminal as liveProgress } from "../reporters/terminal.ts"
import { formatWarning, type GitHubWorkflow, isOnGitHub } from "./github.ts"
import { writeStderrSync } from "./process/stderr.ts"
import { reserveStdout } from "./process/stdout.ts"
import type { TerminalShape } from "./process/Terminal.ts"
import type { OutputOptions } from "./RunLayers.ts"
import type { Telemetry } from "./telemetry/telemetry.ts"

interface FollowerOptions {
  readonly env: NodeJS.ProcessEnv
  readonly terminal: TerminalShape
  /** The file of the run history. */
  readonly history: string
  readonly github: GitHubWorkflow
  readonly telemetry: Telemetry
}

const reporter = ({ terminal }: FollowerOptions, options: OutputOptions): Follower => {
  if (options.json) {
    // A user's pipeline may print, and stdout is for events only.
    reserveStdout()
    return feed(json(terminal))
  }
  return terminal.canRedraw ? liveProgress(terminal) : feed(plain(terminal))
}

/** What the history stores about every run of a project. */
export const runInfo = ({ environment, name, servers }: Project) => ({
  project: name,
  servers: servers.map(({ name }) => name),
  who: currentUser(),
  ...(environment !== undefined && { environment })
})

const historyWriter = ({ env, history }: FollowerOptions, project: Project): Follower =>
  recorder(history, runInfo(project), ({ message, remedy }) =>
    writeStderrSync(formatWarning(isOnGitHub(env), message, remedy))
  )

/** Those that follow a run of another machine. Its history and its telemetry are there. */
export const remoteFollowers =
  (options: FollowerOptions) =>
  (project: string, output: OutputOptions): ReadonlyArray<Follower> => [
    reporter(options, output),
    ...options.github.followers({ name: project }, output)
  ]

/** Those that follow every live run. */
export const runFollowers =
  (options: FollowerOptions) =>
  (project: Project, output: OutputOptions): ReadonlyArray<Follower> => [
    reporter(options, output),
    ...options.github.followers(project, output),
    historyWriter(options, project),
    ...options.telemetry.followers(project)
  ]
