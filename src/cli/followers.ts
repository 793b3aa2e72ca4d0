import type { Project } from "../config/Project.ts"
import { recorder } from "../record/recorder.ts"
import { currentUser } from "../record/Owner.ts"
import { json } from "../reporters/json.ts"
import { plain } from "../reporters/plain.ts"
import { feed, type Follower } from "../reporters/Reporter.ts"
import { terminal } from "../reporters/terminal.ts"
import { isOnGitHub, warned, type Workflow } from "./github.ts"
import type { Shown } from "./RunLayers.ts"
import type { Ends } from "./process/terminal.ts"
import { divert } from "./process/stdout.ts"

/** What a run's followers are chosen by, and where they write. */
export interface Around extends Pick<Ends, "output" | "drawn"> {
  readonly env: NodeJS.ProcessEnv
  /** The file of this machine's runs. */
  readonly record: string
  /** What a workflow on GitHub is told besides. */
  readonly workflow: Workflow
  /** Who sends what a run does to a collector, if that is asked for. */
  readonly traces: (project: Project) => ReadonlyArray<Follower>
  /** Takes what is for stderr. */
  readonly say: (text: string) => void
}

const reporter = ({ drawn, output }: Around, shown: Shown): Follower => {
  if (shown.json) {
    // A pipeline may be anybody's, and stdout is for events alone.
    divert()
    return feed(json(output))
  }
  return drawn ? terminal(output) : feed(plain(output))
}

/** Keeps a project's run in the record. */
const kept = ({ env, record, say }: Around, { environment, name, servers }: Project): Follower => {
  const about = {
    project: name,
    servers: servers.map(({ name }) => name),
    who: currentUser(),
    ...(environment !== undefined && { environment })
  }
  return recorder(record, about, ({ message, remedy }) => say(warned(isOnGitHub(env), message, remedy)))
}

/** Who follows every run: what shows it, keeps it, and sends it on. */
export const followers =
  (around: Around) =>
  (project: Project, shown: Shown): ReadonlyArray<Follower> => [
    reporter(around, shown),
    ...around.workflow.followers(project, shown),
    kept(around, project),
    ...around.traces(project)
  ]
