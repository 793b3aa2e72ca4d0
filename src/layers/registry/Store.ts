import { type FileHandle, open } from "node:fs/promises"
import { ByteSize, Clock, Effect, FileSystem, Option, PlatformError, type Scope, Stream } from "effect"
import * as Hashing from "./Hashing.ts"
import { digestOf, hex } from "./Digest.ts"
import { StoreFailed } from "./RegistryError.ts"
import * as VerifiedBlobs from "./VerifiedBlobs.ts"
import * as TemporaryFiles from "./TemporaryFiles.ts"

/** Hashed bytes on disk, in a temporary file or in a blob. */
export interface Content extends Hashing.Hashed {
  readonly path: string
}

/**
 * A folder with blobs, each in a file named by its digest, and with short text files that refer to them. Names are paths
 * relative to the folder; sizes are in bytes.
 */
export interface Store {
  readonly directory: string
  /** The path of a blob, whether or not it exists. */
  blobPath(digest: string): string
  /** Whether a blob exists, is complete and matches its digest. */
  hasBlob(digest: string, size: number): Effect.Effect<boolean, StoreFailed>
  /** A blob that exists and matches its digest. None if there is none. */
  findBlob(digest: string): Effect.Effect<Option.Option<Content>, StoreFailed>
  /** Like `hasBlob`, but always hashes the blob: a failing disk changes bytes and leaves size and time as they were. */
  verifyBlob(digest: string, size: number): Effect.Effect<boolean, StoreFailed>
  /** Reports that a blob is missing, unless it was already reported as damaged. */
  reportMissing(digest: string): Effect.Effect<void>
  /** Whether this process reported a blob as damaged or missing and then wrote it again. */
  wasReplaced(digest: string): boolean
  /** Reads a small blob. None if it is missing or does not match its digest. */
  readBlob(digest: string): Effect.Effect<Option.Option<Uint8Array>, StoreFailed>
  /** Writes a body to a temporary file. Closing the scope removes the file, unless it was committed. */
  stage<E>(body: Hashing.Body<E>): Effect.Effect<Content, E | StoreFailed, Scope.Scope>
  /** Reads staged content. */
  readContent(content: Content): Effect.Effect<Uint8Array, StoreFailed>
  /** Turns staged content into a blob. Returns the number of bytes added: 0 if the blob already exists. */
  commit(content: Content): Effect.Effect<number, StoreFailed>
  /** Starts to flush new blobs to disk in the background. */
  readonly flush: Effect.Effect<void>
  /** Writes bytes as a blob. */
  putBlob(bytes: Uint8Array): Effect.Effect<void, StoreFailed>
  /** Reads a text file. None if it does not exist. */
  readText(name: string): Effect.Effect<Option.Option<string>, StoreFailed>
  /** Writes a text file atomically: readers see either the old or the new text. */
  writeText(name: string, readText: string): Effect.Effect<void, StoreFailed>
  /** Lists a folder; empty if it does not exist. */
  list(name: string): Effect.Effect<ReadonlyArray<string>, StoreFailed>
  /** Lists a folder recursively, with paths relative to it; empty if it does not exist. */
  listAll(name: string): Effect.Effect<ReadonlyArray<string>, StoreFailed>
  /** When a text file was last written or touched, in epoch milliseconds; 0 if it does not exist. */
  modifiedAt(name: string): Effect.Effect<number, StoreFailed>
  /** Sets a text file's modification time to now. */
  touch(name: string): Effect.Effect<void, StoreFailed>
  /** Removes a file, or a folder in its place. */
  remove(name: string): Effect.Effect<void, StoreFailed>
  /** Removes everything. */
  readonly clear: Effect.Effect<void, StoreFailed>
  /** The size of all blobs. */
  readonly size: Effect.Effect<number, StoreFailed>
}

const writeAll = async (handle: FileHandle, pieces: ReadonlyArray<Uint8Array>): Promise<void> => {
  const { bytesWritten } = await handle.writev(pieces)
  let rest = pieces.reduce((sum, { length }) => sum + length, -bytesWritten)
  // The kernel may write less than requested.
  while (rest > 0) rest -= (await handle.write(Buffer.concat(pieces).subarray(-rest))).bytesWritten
}

/** Whether there is no file: nothing, only symbolic links that lead in a circle, or a folder that was read as a file. */
const isMissing = ({ reason }: PlatformError.PlatformError): boolean =>
  reason._tag === "NotFound" ||
  (reason.cause instanceof Error && "code" in reason.cause && ["ELOOP", "EISDIR"].includes(String(reason.cause.code)))

/** Makes a store in a folder, which is created on the first write. Closing the scope waits for the disk. */
export const make = Effect.fnUntraced(function* (
  directory: string,
  /** Called for each damaged blob, once until it is replaced. */
  onDamaged: (digest: string, problem: "corrupted" | "missing") => Effect.Effect<void> = () => Effect.void
) {
  const fs = yield* FileSystem.FileSystem
  const verifiedBlobs = yield* VerifiedBlobs.make
  const temporary = `${directory}/tmp`
  const blobPath = (digest: string) => `${directory}/blobs/sha256/${hex(digest)}`

  const guard = Effect.mapError((reason: PlatformError.PlatformError) => new StoreFailed({ directory, reason }))
  const optional = <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) =>
    effect.pipe(
      Effect.asSome,
      Effect.catchIf(isMissing, () => Effect.succeedNone),
      guard
    )

  const ensureFolders = yield* Effect.cached(
    Effect.gen(function* () {
      for (const folder of [`${directory}/blobs/sha256`, temporary]) {
        yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
      }
      yield* Effect.provideService(TemporaryFiles.removeAbandoned(temporary), FileSystem.FileSystem, fs)
    }).pipe(guard)
  )

  const temporaryFile = Effect.acquireRelease(
    Effect.sync(() => `${temporary}/${TemporaryFiles.makeName()}`),
    (file) => Effect.ignore(fs.remove(file, { force: true }))
  )

  const reported = new Set<string>()
  const replaced = new Set<string>()
  const report = (problem: "corrupted" | "missing") =>
    Effect.fnUntraced(function* (digest: string) {
      if (reported.has(digest)) return
      reported.add(digest)
      yield* onDamaged(digest, problem)
    })
  const reportDamaged = report("corrupted")

  /** Removes a folder, which a file cannot replace. */
  const removeFolder = Effect.fnUntraced(function* (path: string) {
    const info = yield* optional(fs.stat(path))
    if (Option.exists(info, ({ type }) => type === "Directory")) yield* guard(fs.remove(path, { recursive: true }))
  })

  const hasBlob = Effect.fnUntraced(function* (digest: string, size: number) {
    const file = blobPath(digest)
    const info = yield* optional(fs.stat(file))
    if (Option.isNone(info)) return false
    // A folder or a pipe may be in its place, and reading a pipe could wait forever.
    const isSizeRight = info.value.type === "File" && ByteSize.toNumberUnsafe(info.value.size) === size
    if (isSizeRight && verifiedBlobs.isVerified(file, info.value)) return true
    const hashed = isSizeRight
      ? yield* Effect.option(Hashing.hashStream(fs.stream(file, { chunkSize: 1024 * 1024 })))
      : Option.none()
    // A failing disk may also refuse to read a blob. Importing the image again replaces that one, too.
    if (!Option.exists(hashed, (found) => found.digest === digest)) {
      yield* reportDamaged(digest)
      return false
    }
    yield* verifiedBlobs.add(file, info.value)
    return true
  })

  const findBlob = Effect.fnUntraced(function* (digest: string) {
    const path = blobPath(digest)
    const info = yield* optional(fs.stat(path))
    if (Option.isNone(info)) return Option.none<Content>()
    const size = ByteSize.toNumberUnsafe(info.value.size)
    if (!(yield* hasBlob(digest, size))) return Option.none<Content>()
    const magic = yield* guard(Effect.map(Stream.runCollect(fs.stream(path, { bytesToRead: 4 })), Buffer.concat))
    return Option.some<Content>({ digest, size, path, magic })
  })

  const verifyBlob = Effect.fnUntraced(function* (digest: string, size: number) {
    yield* verifiedBlobs.forget(blobPath(digest))
    return yield* hasBlob(digest, size)
  })

  const commit = Effect.fnUntraced(function* (content: Content) {
    if (yield* hasBlob(content.digest, content.size)) return 0
    const file = blobPath(content.digest)
    yield* removeFolder(file)
    // Not flushed, so that servers need not wait for the disk. The bytes were hashed while they were staged.
    yield* guard(fs.rename(content.path, file))
    yield* verifiedBlobs.add(file, yield* guard(fs.stat(file)))
    if (reported.delete(content.digest)) replaced.add(content.digest)
    return content.size
  })

  const writeFailed = (pathOrDescriptor: string) => (cause: unknown) => {
    const description = cause instanceof Error ? cause.message : String(cause)
    const where = { module: "FileSystem", method: "write", pathOrDescriptor }
    return new StoreFailed({
      directory,
      reason: PlatformError.systemError({ _tag: "Unknown", ...where, description, cause })
    })
  }

  const stage = Effect.fnUntraced(function* <E>(body: Hashing.Body<E>) {
    yield* ensureFolders
    const file = yield* temporaryFile
    const onError = writeFailed(file)
    const hashed = yield* Effect.acquireUseRelease(
      Effect.tryPromise({ try: () => open(file, "wx", 0o600), catch: onError }),
      (handle) => Hashing.hashInto(body, { write: (pieces) => writeAll(handle, pieces), onError }),
      (handle) => Effect.promise(() => handle.close())
    )
    return { ...hashed, path: file }
  })

  const putBlob = Effect.fnUntraced(function* (bytes: Uint8Array<ArrayBuffer>) {
    yield* commit(yield* stage({ bytes: new Blob([bytes]).stream(), onError: writeFailed(directory) }))
  }, Effect.scoped)

  const readBlob = Effect.fnUntraced(function* (digest: string) {
    const file = blobPath(digest)
    const info = yield* optional(fs.stat(file))
    if (Option.isNone(info)) return Option.none<Uint8Array>()
    const bytes = info.value.type === "File" ? yield* Effect.option(fs.readFile(file)) : Option.none()
    const valid = Option.filter(bytes, (bytes) => digestOf(bytes) === digest)
    if (Option.isNone(valid)) {
      yield* verifiedBlobs.forget(file)
      yield* reportDamaged(digest)
    }
    return valid
  })

  const readContent = (content: Content) => guard(fs.readFile(content.path))

  const readText = (name: string) => optional(fs.readFileString(`${directory}/${name}`))

  const writeText = Effect.fnUntraced(function* (name: string, content: string) {
    if (Option.contains(yield* readText(name), content)) return
    yield* ensureFolders
    const target = `${directory}/${name}`
    const file = yield* temporaryFile
    yield* guard(fs.makeDirectory(target.slice(0, target.lastIndexOf("/")), { recursive: true, mode: 0o700 }))
    yield* guard(fs.writeFileString(file, content, { flag: "wx", mode: 0o600 }))
    yield* removeFolder(target)
    // Not flushed: a text file that a power failure leaves empty counts as missing, and the next import writes it again.
    yield* guard(fs.rename(file, target))
  }, Effect.scoped)

  const names = (name: string, recursive: boolean) =>
    Effect.map(
      optional(fs.readDirectory(`${directory}/${name}`, { recursive })),
      Option.getOrElse((): ReadonlyArray<string> => [])
    )
  const list = (name: string) => names(name, false)
  const listAll = (name: string) => names(name, true)

  const modifiedAt = (name: string) =>
    Effect.map(optional(fs.stat(`${directory}/${name}`)), (info) =>
      Option.match(
        Option.flatMap(info, ({ mtime }) => mtime),
        { onNone: () => 0, onSome: Number }
      )
    )
  const touch = Effect.fnUntraced(function* (name: string) {
    const now = (yield* Clock.currentTimeMillis) / 1000
    yield* guard(fs.utimes(`${directory}/${name}`, now, now))
  })
  const remove = (name: string) => guard(fs.remove(`${directory}/${name}`, { force: true, recursive: true }))

  const clear = Effect.forEach(
    // Remove references before their targets.
    ["repositories", "images", "layers", "blobs", "tmp"],
    (name) => guard(fs.remove(`${directory}/${name}`, { recursive: true, force: true })),
    { discard: true }
  )

  const size = Effect.gen(function* () {
    const infos = yield* Effect.forEach(yield* list("blobs/sha256"), (name) =>
      optional(fs.stat(`${directory}/blobs/sha256/${name}`))
    )
    return infos.flatMap(Option.toArray).reduce((sum, info) => sum + ByteSize.toNumberUnsafe(info.size), 0)
  })

  const store: Store = {
    directory,
    blobPath,
    hasBlob,
    findBlob,
    verifyBlob,
    reportMissing: report("missing"),
    wasReplaced: (digest) => replaced.has(digest),
    readBlob,
    stage,
    readContent,
    commit,
    flush: verifiedBlobs.seal,
    putBlob,
    readText,
    writeText,
    list,
    listAll,
    modifiedAt,
    touch,
    remove,
    clear,
    size
  }
  return store
})
