import { Effect, FileSystem, Option, Path, PlatformError, Stream } from "effect"
import { createTarPacker, type TarHeader } from "modern-tar"
import type { BuildSource, Engine } from "../../config/Project.ts"
import { systemErrorReason } from "../../core/systemError.ts"
import { ContextUnreadable } from "./ContextError.ts"
import { type IgnoreRules, parseIgnoreFile } from "./ignore.ts"

/** A build context as a tar archive. Paths are those in the archive. */
export interface ContextArchive {
  readonly context: string
  readonly dockerfile: string
  readonly bytes: Stream.Stream<Uint8Array, ContextUnreadable>
}

/** The folders of the archive. The second one has a Dockerfile that is not a file of the context. */
const folders = { context: "context", dockerfile: "dockerfile" } as const

/** How many bytes of the archive are sent at once. */
const pieceSize = 512 * 1024

/** Combines small pieces. */
const combine = <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    let held: Array<Uint8Array> = []
    let size = 0
    const flush = (): Uint8Array => {
      const all = Buffer.concat(held)
      held = []
      size = 0
      return all
    }
    const take = (piece: Uint8Array): Uint8Array => {
      held.push(piece)
      size += piece.length
      return size < pieceSize ? new Uint8Array() : flush()
    }
    return bytes.pipe(
      Stream.map(take),
      Stream.concat(Stream.suspend(() => Stream.make<[Uint8Array]>(flush()))),
      Stream.filter((piece) => piece.length > 0)
    )
  })

/**
 * Reads the context of a build as a tar archive, without what its ignore files exclude. Which of them applies depends on the
 * program that builds, and that applies it again: so a file is left out if all of them exclude it.
 */
export const contextArchive = Effect.fnUntraced(function* (options: {
  readonly engine: Engine
  readonly service: string
  readonly source: Pick<BuildSource, "context" | "dockerfile">
}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { engine, service, source } = options
  const { context, dockerfile } = source

  const unreadable = (file: string, detail: string) => new ContextUnreadable({ service, file, detail })
  const orUnreadable =
    (file: string) =>
    <A, E, R>(effect: Effect.Effect<A, E | PlatformError.PlatformError, R>) =>
      Effect.catchIf(
        effect,
        (error) => error instanceof PlatformError.PlatformError,
        (error) => Effect.fail(unreadable(file, systemErrorReason(error)))
      )
  const isMissing = (error: PlatformError.PlatformError) => error.reason._tag === "NotFound"

  const relative = path.relative(context, dockerfile).split(path.sep).join("/")
  const isLink = Option.isSome(yield* Effect.option(fs.readLink(dockerfile)))
  const isInside = !isLink && relative !== "" && !/^(?:\.\.(?:\/|$)|\/)/.test(relative)
  const ignoreNames = engine === "podman" ? [".containerignore", ".dockerignore"] : [".dockerignore"]

  const readRules = Effect.fnUntraced(function* () {
    const files = ignoreNames.flatMap((name) => [`${dockerfile}${name}`, path.join(context, name)])
    const all = yield* Effect.forEach(files, (file) =>
      fs.readFileString(file).pipe(
        Effect.map((text): ReadonlyArray<IgnoreRules> => [parseIgnoreFile(text)]),
        Effect.catchIf(isMissing, () => Effect.succeed<ReadonlyArray<IgnoreRules>>([])),
        orUnreadable(file)
      )
    )
    return all.flat()
  })

  /** Without these the engine would not build, or would build something else. It can leave them out itself. */
  const always = new Set([...ignoreNames, ...(isInside ? ["", ...ignoreNames].map((end) => `${relative}${end}`) : [])])

  const pack = Effect.fnUntraced(function* (controller: ReturnType<typeof createTarPacker>["controller"]) {
    const attempt = (file: string, run: () => void | Promise<void>) =>
      Effect.tryPromise({
        try: async () => run(),
        catch: (cause) => unreadable(file, cause instanceof Error ? cause.message : String(cause))
      })

    const add = Effect.fnUntraced(function* (file: string, header: TarHeader, body?: ReadonlyBody) {
      let writer: WritableStreamDefaultWriter<Uint8Array> | undefined
      yield* attempt(file, () => void (writer = controller.add({ ...header, uid: 0, gid: 0 }).getWriter()))
      if (body !== undefined) yield* Stream.runForEach(body, (piece) => attempt(file, () => writer?.write(piece)))
      yield* attempt(file, () => writer?.close())
    })

    const addFile = Effect.fnUntraced(function* (file: string, name: string, info: FileSystem.File.Info) {
      const size = Number(info.size)
      // A file that grows, such as a log, is cut where it ended.
      const bytes = fs.stream(file, { bytesToRead: size, chunkSize: pieceSize })
      const body = Stream.mapError(bytes, (error) => unreadable(file, systemErrorReason(error)))
      yield* add(file, { name, size, type: "file", ...attributes(info) }, size === 0 ? undefined : body)
    })

    const rules = yield* readRules()
    const isExcluded = (name: string) => rules.length > 0 && rules.every(({ excludes }) => excludes(name))
    const hasExceptions = rules.some((each) => each.hasExceptions)

    /** `name` is the path within the context. `above` adds the folders above it, if they have not been added. */
    const visit = (
      name: string,
      above: Effect.Effect<void, ContextUnreadable>
    ): Effect.Effect<void, ContextUnreadable> =>
      Effect.gen(function* () {
        const file = path.join(context, name)
        const entry = `${folders.context}/${name}`
        const isSent = always.has(name) || !isExcluded(name)
        const link = yield* Effect.option(fs.readLink(file))
        if (Option.isSome(link)) {
          if (!isSent) return
          yield* above
          return yield* add(file, { name: entry, size: 0, type: "symlink", linkname: link.value })
        }
        const found = yield* fs.stat(file).pipe(
          Effect.asSome,
          // It has just been removed.
          Effect.catchIf(isMissing, () => Effect.succeedNone),
          orUnreadable(file)
        )
        if (Option.isNone(found)) return
        const info = found.value
        if (info.type === "File" && isSent) {
          yield* above
          return yield* addFile(file, entry, info)
        }
        if (info.type !== "Directory") return
        const isBelow = [...always].some((each) => each.startsWith(`${name}/`))
        if (!isSent && !hasExceptions && !isBelow) return
        let isAdded = false
        const addThis = Effect.suspend(() => {
          if (isAdded) return Effect.void
          isAdded = true
          return Effect.andThen(
            above,
            add(file, { name: `${entry}/`, size: 0, type: "directory", ...attributes(info) })
          )
        })
        if (isSent) yield* addThis
        yield* visitAll(name, addThis)
      })

    const visitAll = (name: string, above: Effect.Effect<void, ContextUnreadable>) =>
      Effect.gen(function* () {
        const folder = path.join(context, name)
        const names = yield* orUnreadable(folder)(fs.readDirectory(folder))
        for (const each of [...names].sort()) {
          // The name on disk is not UTF-8, so that no file can be found by it.
          if (each.includes("\uFFFD")) return yield* unreadable(path.join(folder, each), "its name is not UTF-8")
          yield* visit(name === "" ? each : `${name}/${each}`, above)
        }
      })

    const info = yield* orUnreadable(context)(fs.stat(context))
    yield* add(context, { name: `${folders.context}/`, size: 0, type: "directory", ...attributes(info) })
    yield* visitAll("", Effect.void)
    if (isInside) return
    for (const end of ["", ...ignoreNames]) {
      const file = `${dockerfile}${end}`
      const info = yield* Effect.option(fs.stat(file))
      // The engine reports a missing Dockerfile.
      if (Option.isSome(info)) yield* addFile(file, `${folders.dockerfile}/${path.basename(file)}`, info.value)
    }
  })

  const bytes = Stream.unwrap(
    Effect.gen(function* () {
      const { controller, readable } = createTarPacker()
      yield* pack(controller).pipe(
        Effect.andThen(Effect.sync(() => controller.finalize())),
        Effect.catch((error) => Effect.sync(() => controller.error(error))),
        Effect.forkScoped
      )
      return Stream.fromReadableStream({
        evaluate: () => readable,
        onError: (cause) => (cause instanceof ContextUnreadable ? cause : unreadable(context, String(cause)))
      })
    })
  )
  const archive: ContextArchive = {
    context: folders.context,
    dockerfile: isInside ? `${folders.context}/${relative}` : `${folders.dockerfile}/${path.basename(dockerfile)}`,
    bytes: combine(bytes)
  }
  return archive
})

type ReadonlyBody = Stream.Stream<Uint8Array, ContextUnreadable>

const attributes = ({ mode, mtime }: FileSystem.File.Info): Pick<TarHeader, "mode" | "mtime"> => ({
  mode: mode & 0o7777,
  ...(Option.isSome(mtime) && { mtime: mtime.value })
})
