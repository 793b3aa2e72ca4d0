import { Effect, FileSystem, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readArtifact } from "../../record/artifacts.ts"
import { ArtifactNotWritten } from "../../record/RecordError.ts"
import { UserPaths } from "../UserPaths.ts"

/** `jiji runs artifact`. */
export const command = Command.make(
  "artifact",
  {
    name: Argument.String("name").pipe(Argument.withDescription("Name of the artifact; `jiji runs show` lists them")),
    id: Argument.String("id").pipe(
      Argument.withDescription("Run ID, or the start of one (default: the last run)"),
      Argument.optional
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Write to FILE (default: the name of the artifact, in this folder)"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ id, name, output }) {
    const { history } = yield* UserPaths
    const fs = yield* FileSystem.FileSystem
    const body = yield* readArtifact(history, name, id)
    const file = Option.getOrElse(output, () => name)
    // Never replaces a file, and only this user can read it: an artifact may contain secrets.
    yield* fs
      .writeFile(file, body, { flag: "wx", mode: 0o600 })
      .pipe(Effect.mapError((reason) => new ArtifactNotWritten({ file, reason })))
  })
).pipe(
  Command.withDescription("Copy out a file that a step has kept with its run"),
  Command.withExamples([
    { command: "jiji runs artifact report.html", description: "Write report.html of the last run to this folder" },
    {
      command: "jiji runs artifact dump.sql mf3k -o /tmp/dump.sql",
      description: "The same for one run and another file"
    }
  ])
)
