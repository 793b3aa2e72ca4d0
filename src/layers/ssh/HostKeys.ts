import { Effect, FileSystem, type PlatformError, Semaphore } from "effect"
import { basename, dirname, resolve } from "node:path"
import { KnownHostsMisnamed, SshFileUnusable } from "./SshError.ts"
import * as KnownHosts from "./KnownHosts.ts"

/** Reads known_hosts files and adds new host keys to them, one at a time. */
export interface HostKeys {
  /** Reads a host's entries. A missing file counts as empty. */
  read(file: string, host: string, port: number): Effect.Effect<KnownHosts.KnownHost, SshFileUnusable>
  /** Adds a host's key unless the file has a key of this host by now. Returns the key's status before the call. */
  addIfUnknown(
    file: string,
    host: string,
    port: number,
    key: Buffer
  ): Effect.Effect<KnownHosts.HostKeyStatus, SshFileUnusable | KnownHostsMisnamed>
}

export const make: Effect.Effect<HostKeys, never, FileSystem.FileSystem> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const writing = yield* Semaphore.make(1)

  const readText = (file: string) =>
    fs.readFileString(file).pipe(
      Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed("")),
      Effect.mapError((cause) => new SshFileUnusable({ file, operation: "read", cause }))
    )

  /** Follows all symbolic links, even if the final target does not exist yet. */
  const resolveLinks = (file: string): Effect.Effect<string, PlatformError.PlatformError> =>
    Effect.catchReason(fs.realPath(file), "PlatformError", "NotFound", () =>
      fs.readLink(file).pipe(
        Effect.flatMap((target) => resolveLinks(resolve(dirname(file), target))),
        Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(resolve(file)))
      )
    )

  const append = Effect.fnUntraced(
    function* (file: string, before: string, line: string) {
      const path = yield* resolveLinks(file)
      if (!basename(path).includes("known_hosts")) return yield* new KnownHostsMisnamed({ file, path })
      yield* fs.makeDirectory(dirname(file), { recursive: true, mode: 0o700 })
      // A single write in append mode, because other programs may be adding lines at the same time.
      const separator = before === "" || before.endsWith("\n") ? "" : "\n"
      yield* fs.writeFileString(file, separator + line, { flag: "a", mode: 0o600 })
    },
    (effect, file) =>
      Effect.catchTag(effect, "PlatformError", (cause) =>
        Effect.fail(new SshFileUnusable({ file, operation: "write", cause }))
      )
  )

  return {
    read: (file, host, port) => Effect.map(readText(file), (content) => KnownHosts.read(content, host, port)),
    addIfUnknown: Effect.fnUntraced(function* (file, host, port, key) {
      const before = yield* readText(file)
      const status = KnownHosts.read(before, host, port).check(key)
      if (status._tag === "Unknown") yield* append(file, before, KnownHosts.formatLine(host, port, key))
      return status
    }, writing.withPermit)
  }
})
