import { Effect, FileSystem, type PlatformError, Semaphore } from "effect"
import { basename, dirname, resolve } from "node:path"
import { KnownHostsMisnamed, SshFileUnusable } from "./SshError.ts"
import * as KnownHosts from "./KnownHosts.ts"

/** Reads known_hosts files, and writes new host keys into them, one at a time. */
export interface HostKeys {
  /** What the file says about a host; a file that is not there says nothing. */
  read(file: string, host: string, port: number): Effect.Effect<KnownHosts.HostRecord, SshFileUnusable>
  /** Adds a host's key if the file still says nothing about the host, and gives what it says about the key then. */
  remember(
    file: string,
    host: string,
    port: number,
    key: Buffer
  ): Effect.Effect<KnownHosts.Verdict, SshFileUnusable | KnownHostsMisnamed>
}

export const make: Effect.Effect<HostKeys, never, FileSystem.FileSystem> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const writing = yield* Semaphore.make(1)

  const text = (file: string) =>
    fs.readFileString(file).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed("")),
      Effect.mapError((cause) => new SshFileUnusable({ file, operation: "read", cause }))
    )

  /** What a file is behind all links, also where it is not there yet. */
  const destination = (file: string): Effect.Effect<string, PlatformError.PlatformError> =>
    Effect.catchReason(fs.realPath(file), "PlatformError", "NotFound", () =>
      fs.readLink(file).pipe(
        Effect.flatMap((target) => destination(resolve(dirname(file), target))),
        Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(resolve(file)))
      )
    )

  const append = Effect.fnUntraced(
    function* (file: string, before: string, line: string) {
      const path = yield* destination(file)
      if (!basename(path).includes("known_hosts")) return yield* new KnownHostsMisnamed({ file, path })
      yield* fs.makeDirectory(dirname(file), { recursive: true, mode: 0o700 })
      // One write in append mode: other programs may be adding lines to this file at this moment.
      const separator = before === "" || before.endsWith("\n") ? "" : "\n"
      yield* fs.writeFileString(file, separator + line, { flag: "a", mode: 0o600 })
    },
    (effect, file) =>
      Effect.catchTag(effect, "PlatformError", (cause) =>
        Effect.fail(new SshFileUnusable({ file, operation: "write", cause }))
      )
  )

  return {
    read: (file, host, port) => Effect.map(text(file), (content) => KnownHosts.read(content, host, port)),
    remember: Effect.fnUntraced(function* (file, host, port, key) {
      const before = yield* text(file)
      const verdict = KnownHosts.read(before, host, port).judge(key)
      if (verdict._tag === "Unknown") yield* append(file, before, KnownHosts.line(host, port, key))
      return verdict
    }, writing.withPermit)
  }
})
