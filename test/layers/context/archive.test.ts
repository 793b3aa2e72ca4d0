import { describe, expect } from "bun:test"
import { Effect, Stream } from "effect"
import { unpackTar } from "modern-tar"
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Platform from "../../../src/layers/Platform.ts"
import { contextArchive } from "../../../src/layers/context/archive.ts"
import { folder } from "../../config/project.ts"
import { it } from "../../support/effect.ts"

const archiveOf = (
  root: string,
  { dockerfile = "app/Dockerfile", engine = "docker" }: { dockerfile?: string; engine?: "docker" | "podman" } = {}
) =>
  contextArchive({
    engine,
    service: "web",
    source: { context: join(root, "app"), dockerfile: join(root, dockerfile) }
  })

/** The entries of a context's archive, by name. */
const entriesOf = Effect.fnUntraced(function* (...args: Parameters<typeof archiveOf>) {
  const { bytes, context, dockerfile } = yield* archiveOf(...args)
  const pieces = yield* Stream.runCollect(bytes)
  const entries = yield* Effect.promise(() => unpackTar(Buffer.concat(pieces)))
  return {
    context,
    dockerfile,
    pieces: pieces.length,
    entries: new Map(entries.map((each) => [each.header.name, each]))
  }
}, Effect.provide(Platform.layer))

const files = { "app/Dockerfile": "FROM scratch\n", "app/bin/serve": "one", "app/empty": "" }

describe("the archive of a build context", () => {
  it.live("has all files with their contents and modes, and belongs to root", () =>
    Effect.gen(function* () {
      const root = yield* folder(files)
      chmodSync(join(root, "app/bin/serve"), 0o4755)
      chmodSync(join(root, "app/bin"), 0o500)
      symlinkSync("../../outside", join(root, "app/link"))
      symlinkSync(".", join(root, "app/self"))
      const { context, dockerfile, entries } = yield* entriesOf(root)
      expect({ context, dockerfile }).toEqual({ context: "context", dockerfile: "context/Dockerfile" })
      expect([...entries.keys()]).toEqual([
        "context/",
        "context/Dockerfile",
        "context/bin/",
        "context/bin/serve",
        "context/empty",
        "context/link",
        "context/self"
      ])
      const serve = entries.get("context/bin/serve")
      expect(serve?.header).toMatchObject({ mode: 0o4755, uid: 0, gid: 0, size: 3 })
      expect(Buffer.from(serve?.data ?? []).toString()).toBe("one")
      expect(entries.get("context/bin/")?.header).toMatchObject({ type: "directory", mode: 0o500 })
      expect(entries.get("context/link")?.header).toMatchObject({ type: "symlink", linkname: "../../outside" })
    })
  )

  it.live("comes in large pieces, and has files of any size and names of any length", () =>
    Effect.gen(function* () {
      const name = `app/${"long/".repeat(60)}name`
      const small = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`app/small/${at}`, `${at}`]))
      const root = yield* folder({ ...files, ...small, [name]: "long", "app/日本": "é" })
      const large = Buffer.alloc(3 * 1024 * 1024 + 1, "0123456789")
      writeFileSync(join(root, "app/large"), large)
      const { entries, pieces } = yield* entriesOf(root)
      expect(Buffer.from(entries.get("context/large")?.data ?? []).equals(large)).toBe(true)
      expect(entries.has(`context/${name.slice(4)}`)).toBe(true)
      expect(entries.has("context/日本")).toBe(true)
      expect(entries.get("context/small/299")?.header.size).toBe(3)
      expect(pieces).toBeLessThan(12)
    })
  )

  it.live("leaves out what .dockerignore excludes, but never what the engine needs", () =>
    Effect.gen(function* () {
      const root = yield* folder({
        ...files,
        "app/.dockerignore": "*\n!bin/serve\n",
        "app/bin/other": "x",
        "app/.env": "SECRET=1",
        "app/node_modules/a/b": "x"
      })
      const { entries } = yield* entriesOf(root)
      expect([...entries.keys()]).toEqual([
        "context/",
        "context/.dockerignore",
        "context/Dockerfile",
        "context/bin/",
        "context/bin/serve"
      ])
    })
  )

  it.live("sends what one of several ignore files includes, since only the engine knows which one it reads", () =>
    Effect.gen(function* () {
      const root = yield* folder({
        ...files,
        "app/.dockerignore": "one\nboth\n",
        "app/Dockerfile.dockerignore": "two\nboth\n",
        "app/.containerignore": "one\ntwo\nboth\n",
        "app/one": "1",
        "app/two": "2",
        "app/both": "3"
      })
      const names = (all: ReadonlyMap<string, unknown>) =>
        [...all.keys()].filter((name) => /(one|two|both)$/.test(name))
      expect(names((yield* entriesOf(root)).entries)).toEqual(["context/one", "context/two"])
      const podman = yield* entriesOf(root, { engine: "podman" })
      expect(names(podman.entries)).toEqual(["context/one", "context/two"])
      expect(podman.entries.has("context/.containerignore")).toBe(true)
    })
  )

  it.live("has a Dockerfile outside of the context, or one that is a link, in a folder of its own", () =>
    Effect.gen(function* () {
      const root = yield* folder({
        ...files,
        "docker/web.Dockerfile": "FROM a\n",
        "docker/web.Dockerfile.dockerignore": "x"
      })
      const outside = yield* entriesOf(root, { dockerfile: "docker/web.Dockerfile" })
      expect(outside.dockerfile).toBe("dockerfile/web.Dockerfile")
      expect(Buffer.from(outside.entries.get(outside.dockerfile)?.data ?? []).toString()).toBe("FROM a\n")
      expect(outside.entries.has("dockerfile/web.Dockerfile.dockerignore")).toBe(true)
      symlinkSync("../docker/web.Dockerfile", join(root, "app/Linked"))
      const linked = yield* entriesOf(root, { dockerfile: "app/Linked" })
      expect(Buffer.from(linked.entries.get("dockerfile/Linked")?.data ?? []).toString()).toBe("FROM a\n")
    })
  )

  it.live("is made without a Dockerfile, which the engine reports", () =>
    Effect.gen(function* () {
      const root = yield* folder({ "app/a": "a" })
      const { dockerfile, entries } = yield* entriesOf(root)
      expect(dockerfile).toBe("context/Dockerfile")
      expect([...entries.keys()]).toEqual(["context/", "context/a"])
    })
  )

  it.live("fails with the name of a file or folder that cannot be read", () =>
    Effect.gen(function* () {
      const failure = (root: string) =>
        Effect.flip(Effect.flatMap(archiveOf(root), ({ bytes }) => Stream.runDrain(bytes))).pipe(
          Effect.provide(Platform.layer)
        )
      const missing = yield* failure("/no/such")
      expect(missing.message).toBe("Cannot send the files of web to the builder: /no/such/app: it does not exist")
      const root = yield* folder(files)
      // Root may read every file. A folder that cannot be an ignore file stands for one.
      mkdirSync(join(root, "app/.dockerignore"))
      const unreadable = yield* failure(root)
      expect(unreadable).toMatchObject({ _tag: "ContextUnreadable", file: join(root, "app/.dockerignore") })
      const odd = yield* folder(files)
      writeFileSync(Buffer.concat([Buffer.from(`${odd}/app/`), Buffer.from([0xff, 0x61])]), "")
      expect((yield* failure(odd)).message).toContain("its name is not UTF-8")
    })
  )
})
