import { type FileHandle, open } from "node:fs/promises"
import { ByteSize, Clock, Effect, FileSystem, Option, PlatformError, type Scope } from "effect"
import * as Hashing from "./Hashing.ts"
import { digestOf, hex } from "./Names.ts"
import { StoreFailed } from "./RegistryError.ts"
import * as Seals from "./Seals.ts"
import * as Temporary from "./Temporary.ts"

/** Bytes on disk: in a temporary file, or a blob already. */
export interface Content extends Hashing.Measured {
  readonly path: string
}

/** A folder of blobs, each in a file named by its digest, and of short texts that refer to them. */
export interface Store {
  /** Where a blob is, if it is there. */
  path(digest: string): string
  /** Whether a blob is there, whole and unchanged since it was checked. */
  has(digest: string, size: number): Effect.Effect<boolean, StoreFailed>
  /** The bytes of a small blob, if they are there and are what the digest says. */
  read(digest: string): Effect.Effect<Option.Option<Uint8Array>, StoreFailed>
  /** Writes a body to a temporary file, which goes with the scope unless it is kept. */
  stage<E>(body: Hashing.Body<E>): Effect.Effect<Content, E | StoreFailed, Scope.Scope>
  /** The bytes of staged content. */
  load(content: Content): Effect.Effect<Uint8Array, StoreFailed>
  /** Makes staged content a blob. Returns the bytes that this added: none where the blob is there already. */
  keep(content: Content): Effect.Effect<number, StoreFailed>
  /** Has the disk keep, in the background, what was made or found a blob so far. */
  readonly flush: Effect.Effect<void>
  /** Makes bytes a blob. */
  put(bytes: Uint8Array): Effect.Effect<void, StoreFailed>
  /** A short text, if there is one. `name` is a path in the store. */
  text(name: string): Effect.Effect<Option.Option<string>, StoreFailed>
  /** Writes a short text in one piece: a reader sees the old one or the new one. */
  write(name: string, text: string): Effect.Effect<void, StoreFailed>
  /** The names in a folder of the store; none where there is no such folder. */
  list(name: string): Effect.Effect<ReadonlyArray<string>, StoreFailed>
  /** The paths of all that is below a folder of the store, from there; none where there is no such folder. */
  listAll(name: string): Effect.Effect<ReadonlyArray<string>, StoreFailed>
  /** When a short text was last written or touched, in milliseconds; 0 where it is not there. */
  changed(name: string): Effect.Effect<number, StoreFailed>
  /** Makes a short text as new as one that is written now. */
  touch(name: string): Effect.Effect<void, StoreFailed>
  /** Takes a file of the store away. */
  remove(name: string): Effect.Effect<void, StoreFailed>
  /** Takes everything away. */
  readonly clear: Effect.Effect<void, StoreFailed>
  /** Bytes of all blobs. */
  readonly size: Effect.Effect<number, StoreFailed>
}

const writeAll = async (handle: FileHandle, pieces: ReadonlyArray<Uint8Array>): Promise<void> => {
  const { bytesWritten } = await handle.writev(pieces)
  let rest = pieces.reduce((sum, { length }) => sum + length, -bytesWritten)
  // The kernel may take less than it is given.
  while (rest > 0) rest -= (await handle.write(Buffer.concat(pieces).subarray(-rest))).bytesWritten
}

const isMissing = (error: PlatformError.PlatformError): boolean => error.reason._tag === "NotFound"

/** A store in a folder, which is made when it is first written to. The end of its scope waits for the disk. */
export const make = Effect.fnUntraced(function* (
  directory: string,
  /** Called once for each blob whose file turns out not to be what its name says. */
  onDamaged: (digest: string) => Effect.Effect<void> = () => Effect.void
) {
  const fs = yield* FileSystem.FileSystem
  const seals = yield* Seals.make
  const temporary = `${directory}/tmp`
  const path = (digest: string) => `${directory}/blobs/sha256/${hex(digest)}`

  const guard = Effect.mapError((reason: PlatformError.PlatformError) => new StoreFailed({ directory, reason }))
  const optional = <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) =>
    effect.pipe(
      Effect.asSome,
      Effect.catchIf(isMissing, () => Effect.succeedNone),
      guard
    )

  const prepare = yield* Effect.cached(
    Effect.gen(function* () {
      for (const folder of [`${directory}/blobs/sha256`, temporary]) {
        yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
      }
      yield* Effect.provideService(Temporary.sweep(temporary), FileSystem.FileSystem, fs)
    }).pipe(guard)
  )

  const create = Effect.acquireRelease(
    Effect.sync(() => `${temporary}/${Temporary.name()}`),
    (file) => Effect.ignore(fs.remove(file, { force: true }))
  )

  const damaged = new Set<string>()
  const report = Effect.fnUntraced(function* (digest: string) {
    if (damaged.has(digest)) return
    damaged.add(digest)
    yield* onDamaged(digest)
  })

  const has = Effect.fnUntraced(function* (digest: string, size: number) {
    const file = path(digest)
    const info = yield* optional(fs.stat(file))
    if (Option.isNone(info)) return false
    const isWhole = ByteSize.toNumberUnsafe(info.value.size) === size
    if (seals.intact(file, info.value)) return isWhole
    const measured = isWhole
      ? yield* guard(Hashing.measure(fs.stream(file, { chunkSize: 1024 * 1024 })))
      : { digest: undefined }
    if (measured.digest !== digest) {
      yield* report(digest)
      return false
    }
    yield* seals.trust(file, info.value)
    return true
  })

  const keep = Effect.fnUntraced(function* (content: Content) {
    if (yield* has(content.digest, content.size)) return 0
    const file = path(content.digest)
    // Not flushed: servers need not wait for the disk. Its bytes were hashed on their way here.
    yield* guard(fs.rename(content.path, file))
    yield* seals.trust(file, yield* guard(fs.stat(file)))
    return content.size
  })

  const broken = (pathOrDescriptor: string) => (cause: unknown) => {
    const description = cause instanceof Error ? cause.message : String(cause)
    const where = { module: "FileSystem", method: "write", pathOrDescriptor }
    return new StoreFailed({
      directory,
      reason: PlatformError.systemError({ _tag: "Unknown", ...where, description, cause })
    })
  }

  const stage = Effect.fnUntraced(function* <E>(body: Hashing.Body<E>) {
    yield* prepare
    const file = yield* create
    const onError = broken(file)
    const measured = yield* Effect.acquireUseRelease(
      Effect.tryPromise({ try: () => open(file, "wx", 0o600), catch: onError }),
      (handle) => Hashing.pour(body, { write: (pieces) => writeAll(handle, pieces), onError }),
      (handle) => Effect.promise(() => handle.close())
    )
    return { ...measured, path: file }
  })

  const put = Effect.fnUntraced(function* (bytes: Uint8Array<ArrayBuffer>) {
    yield* keep(yield* stage({ bytes: new Blob([bytes]).stream(), onError: broken(directory) }))
  }, Effect.scoped)

  const read = Effect.fnUntraced(function* (digest: string) {
    const bytes = yield* optional(fs.readFile(path(digest)))
    const whole = Option.filter(bytes, (bytes) => digestOf(bytes) === digest)
    if (Option.isSome(bytes) && Option.isNone(whole)) yield* report(digest)
    return whole
  })

  const load = (content: Content) => guard(fs.readFile(content.path))

  const text = (name: string) => optional(fs.readFileString(`${directory}/${name}`))

  const write = Effect.fnUntraced(function* (name: string, content: string) {
    if (Option.contains(yield* text(name), content)) return
    yield* prepare
    const target = `${directory}/${name}`
    const file = yield* create
    yield* guard(fs.makeDirectory(target.slice(0, target.lastIndexOf("/")), { recursive: true, mode: 0o700 }))
    yield* guard(fs.writeFileString(file, content, { flag: "wx", mode: 0o600 }))
    // Not flushed: a text that a power cut empties is one that is not there, and the next import writes it again.
    yield* guard(fs.rename(file, target))
  }, Effect.scoped)

  const names = (name: string, recursive: boolean) =>
    Effect.map(
      optional(fs.readDirectory(`${directory}/${name}`, { recursive })),
      Option.getOrElse((): ReadonlyArray<string> => [])
    )
  const list = (name: string) => names(name, false)
  const listAll = (name: string) => names(name, true)

  const changed = (name: string) =>
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
  const remove = (name: string) => guard(fs.remove(`${directory}/${name}`, { force: true }))

  const clear = Effect.forEach(
    // What refers goes first.
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
    path,
    has,
    read,
    stage,
    load,
    keep,
    flush: seals.begin,
    put,
    text,
    write,
    list,
    listAll,
    changed,
    touch,
    remove,
    clear,
    size
  }
  return store
})
