import { Effect, FileSystem } from "effect"
import { RunFolderGone } from "../record/ResumeError.ts"
import { claimRun, type Wanted } from "../record/resume.ts"
import { CommandLine, Resuming, RunWords } from "./Resuming.ts"
import { UserPaths } from "./UserPaths.ts"

interface ResumeOptions {
  readonly ignoreChanges: boolean
  readonly json: boolean
}

/** Runs the command of an earlier run again, in its folder. Its pipeline then goes on where that run stopped. */
export const resumeRun = Effect.fnUntraced(function* (wanted: Wanted, options: ResumeOptions) {
  const { history } = yield* UserPaths
  const fs = yield* FileSystem.FileSystem
  const runWords = yield* RunWords
  const claimed = yield* claimRun(history, wanted)
  const { folder, words } = claimed.input
  if (!(yield* Effect.orElseSucceed(fs.exists(folder), () => false))) {
    return yield* new RunFolderGone({ id: claimed.id, folder })
  }
  process.chdir(folder)
  yield* runWords(words).pipe(
    Effect.provideService(CommandLine, words),
    Effect.provideService(Resuming, { ...claimed, ...options })
  )
})
