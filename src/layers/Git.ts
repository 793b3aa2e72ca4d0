import { Context, Effect, Layer, Option } from "effect"
import { type ShellError, script } from "./Command.ts"
import versionScript from "./git.sh" with { type: "text" }
import { local } from "./Machine.ts"
import { Shell } from "./Shell.ts"

/** What git knows of the project's files. */
export class Git extends Context.Service<
  Git,
  {
    /** The short commit of a folder, with `-dirty-` and a content hash where files differ; none outside a repository. */
    version(folder: string): Effect.Effect<Option.Option<string>, ShellError>
  }
>()("jiji/layers/Git") {
  static readonly layer = Layer.effect(
    Git,
    Effect.gen(function* () {
      const shell = yield* Shell
      return Git.of({
        version: Effect.fnUntraced(function* (folder) {
          const { exitCode, stdout } = yield* shell.run(local, script("git version", versionScript, [folder]))
          return exitCode === 0 ? Option.some(stdout.trim()) : Option.none()
        })
      })
    })
  )
}
