import { Effect, FileSystem, Layer, Sink } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { notSimulated } from "./NotSimulated.ts"

// A defect, so that a step cannot mistake it for an error of the file system.
const refuse = (method: string) => () => Effect.die(notSimulated(`FileSystem.${method}`))

/** Reads files for real, and refuses to write. */
const readOnlyFiles = Layer.effect(
  FileSystem.FileSystem,
  Effect.map(FileSystem.FileSystem, (files) =>
    FileSystem.FileSystem.of({
      ...files,
      chmod: refuse("chmod"),
      chown: refuse("chown"),
      copy: refuse("copy"),
      copyFile: refuse("copyFile"),
      link: refuse("link"),
      makeDirectory: refuse("makeDirectory"),
      makeTempDirectory: refuse("makeTempDirectory"),
      makeTempDirectoryScoped: refuse("makeTempDirectoryScoped"),
      makeTempFile: refuse("makeTempFile"),
      makeTempFileScoped: refuse("makeTempFileScoped"),
      open: (path, options) => ((options?.flag ?? "r") === "r" ? files.open(path, options) : refuse("open")()),
      remove: refuse("remove"),
      rename: refuse("rename"),
      sink: () => Sink.die(notSimulated("FileSystem.sink")),
      symlink: refuse("symlink"),
      truncate: refuse("truncate"),
      utimes: refuse("utimes"),
      writeFile: refuse("writeFile"),
      writeFileString: refuse("writeFileString")
    })
  )
)

const noProcesses = Layer.sync(ChildProcessSpawner.ChildProcessSpawner, () =>
  ChildProcessSpawner.make(() => Effect.die(notSimulated("a process outside of `Shell`")))
)

/** What a step gets in a dry run in place of this machine's files and processes: it can read, and change nothing. */
export const layer = Layer.merge(readOnlyFiles, noProcesses)
