import { Effect, FileSystem, type PlatformError, Semaphore } from "effect"
import { basename, dirname, resolve } from "node:path"
import { KnownHostsMisnamed, SshFileUnusable } from "./SshError.ts"
import * as KnownHosts from "./KnownHosts.ts"

/** Where a host's keys are known, and under which name. */
export interface KnownHostsLookup extends KnownHosts.HostName {
  readonly files: ReadonlyArray<string>
  /** The file to add new keys to. If undefined, nothing is recorded. */
  readonly record: string | undefined
  /** A RevokedHostKeys file. */
  readonly revoked?: string
}

/** Reads known_hosts files and adds new host keys to them, one at a time. */
export interface HostKeys {
  /** Reads a host's entries. A missing file counts as empty, but not a missing file of revoked keys. */
  read(lookup: KnownHostsLookup): Effect.Effect<KnownHosts.KnownHost, SshFileUnusable>
  /** Adds a host's key unless a file has a key of this host by now. Returns the key's status before the call. */
  addIfUnknown(
    lookup: KnownHostsLookup,
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

  const read = Effect.fnUntraced(function* (lookup: KnownHostsLookup) {
    const files = yield* Effect.forEach(lookup.files, (file) => Effect.map(readText(file), (text) => ({ file, text })))
    const known = KnownHosts.read(files, lookup)
    if (lookup.revoked === undefined) return known
    const file = lookup.revoked
    const unusable = (cause: unknown) => new SshFileUnusable({ file, operation: "read", cause })
    const text = yield* Effect.mapError(fs.readFileString(file), unusable)
    if (text.startsWith("SSHKRL")) return yield* unusable(new Error("jiji cannot read a key revocation list"))
    return KnownHosts.withRevoked(known, { file, text })
  })

  return {
    read,
    addIfUnknown: Effect.fnUntraced(function* (lookup, key) {
      const status = (yield* read(lookup)).check(key)
      const { record } = lookup
      if (status._tag === "Unknown" && record !== undefined)
        yield* append(record, yield* readText(record), KnownHosts.formatLine(lookup, key))
      return status
    }, writing.withPermit)
  }
})
