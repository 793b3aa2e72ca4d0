import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { Scrubber } from "../core/Scrubber.ts"
import type { Node } from "../pipeline/Node.ts"
import { describe } from "../pipeline/Pipeline.ts"
import { changedNodes, changedPaths, fingerprint, nodesOf } from "../record/fingerprint.ts"
import { openJournal } from "../record/journal.ts"
import { RunChanged } from "../record/ResumeError.ts"
import { runInfo } from "./followers.ts"
import { CommandLine, Resuming } from "./Resuming.ts"
import { UserPaths } from "./UserPaths.ts"

/**
 * Opens the journal of a run that can be resumed later. If it continues another run, fails if the project or the pipeline has
 * changed since. Undefined if the command line has a secret, which must not be stored.
 */
export const runJournal = Effect.fnUntraced(function* (
  pipeline: { readonly name: string; readonly nodes: ReadonlyArray<Node> },
  project: Project
) {
  const { history } = yield* UserPaths
  const { text } = yield* Scrubber
  const words = yield* CommandLine
  const resuming = yield* Resuming
  if (words === undefined || words.some((word) => text(word) !== word)) return undefined
  // The same project in another folder is the same.
  const { root: _root, ...settings } = project
  const input = {
    words,
    folder: process.cwd(),
    project: fingerprint(settings),
    pipeline: nodesOf(describe(pipeline))
  }
  if (resuming !== undefined && !resuming.ignoreChanges) {
    const changes = {
      project: changedPaths(resuming.input.project, input.project),
      pipeline: changedNodes(resuming.input.pipeline, input.pipeline)
    }
    if (changes.project.length + changes.pipeline.length > 0) {
      return yield* new RunChanged({ id: resuming.id, ...changes })
    }
  }
  return yield* openJournal(history, runInfo(project), input, resuming?.id)
})
