import { Context, Effect, Layer, Option, Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { oneLine } from "../../core/text.ts"
import type { ProcessError } from "../processes/Command.ts"
import { commit } from "./commit/commit.ts"
import { ignored } from "./ignored/ignored.ts"
import { version } from "./version/version.ts"
import { Processes } from "../processes/Processes.ts"

/** git cannot read the repository of a folder, for example because it belongs to another user. */
export class GitFailed extends defineError<GitFailed>()("GitFailed", {
  fields: { folder: Schema.String, output: Schema.String },
  message: (e) => `git cannot read the repository of ${e.folder}: ${e.output}`,
  remedy: "Fix what git says, or choose the tag with --version.",
  exitCode: "failed",
  sample: {
    folder: "/srv/shop",
    output:
      "fatal: detected dubious ownership in repository at '/srv/shop' To add an exception for this directory, call: git config --global --add safe.directory /srv/shop"
  }
}) {}

/** How many characters of git's message an error quotes. */
const maxMessage = 1000

/** Reads the git repository of the project's files. */
export class Git extends Context.Service<
  Git,
  {
    /**
     * A folder's version: the short commit hash; plus `-dirty-` and 8 digits of a content hash if files differ from the
     * commit. None if there is no repository or no commit; fails if git cannot read the repository. Ignores changes in
     * `.jiji`, and the caller's `GIT_*` variables.
     */
    version(folder: string): Effect.Effect<Option.Option<string>, ProcessError | GitFailed>
    /** The commit of a folder's repository. None if git knows none. */
    commit(folder: string): Effect.Effect<Option.Option<string>, ProcessError>
    /** The first line of a commit's message. None if the repository does not have it. */
    subject(folder: string, commit: string): Effect.Effect<Option.Option<string>, ProcessError>
    /** The files that git tracks or does not ignore. Empty outside a repository. */
    notIgnored(folder: string, files: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, ProcessError>
  }
>()("jiji/layers/git/Git") {
  static readonly layer = Layer.effect(
    Git,
    Effect.gen(function* () {
      const { run } = yield* Processes
      const ask = Effect.fnUntraced(function* (folder: string, subject: string) {
        const { stdout } = yield* run(commit.command({ folder, subject }))
        return Option.liftPredicate(yield* commit.answer(stdout), (text) => text !== "")
      })
      return Git.of({
        version: Effect.fnUntraced(function* (folder) {
          const { exitCode, stderr, stdout } = yield* run(version.command({ folder }))
          if (exitCode === 4)
            return yield* new GitFailed({
              folder,
              output: oneLine(stderr.trim()).replace(/ +/g, " ").slice(0, maxMessage)
            })
          return exitCode === 0 ? Option.some(yield* version.answer(stdout)) : Option.none()
        }),
        commit: (folder) => ask(folder, ""),
        subject: (folder, commit) => (/^[0-9a-f]{7,64}$/.test(commit) ? ask(folder, commit) : Effect.succeedNone),
        notIgnored: Effect.fnUntraced(function* (folder, files) {
          const { exitCode, stdout } = yield* run(ignored.command({ folder }, files))
          // The exit code is 1 if no file is ignored. A higher code is an error.
          if (exitCode > 1) return []
          const found = yield* ignored.answer(stdout)
          return files.filter((file) => !found.has(file))
        })
      })
    })
  )
}
