import { describe, expect } from "bun:test"
import { Effect, Layer, Option } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { version as script } from "../../../src/layers/git/version/version.ts"
import { Git } from "../../../src/layers/git/Git.ts"
import { Processes } from "../../../src/layers/processes/Processes.ts"
import { it } from "../../support/effect.ts"
import { liveShell } from "../liveShell.ts"
import { folder } from "../ssh/fixture.ts"

const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]

/** A folder with a repository of its own, and what asks for its version. */
const repository = Effect.gen(function* () {
  const root = yield* folder
  const { processes } = yield* liveShell
  const layer = Git.layer.pipe(Layer.provide(Layer.succeed(Processes, processes)))
  const context = yield* Layer.build(layer)
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", [...identity, ...args], { cwd: root, stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim()
  const write = (file: string, text: string) => {
    mkdirSync(join(root, file, ".."), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  const version = (at = root) =>
    Effect.map(
      Effect.flatMap(Effect.provide(Git, context), (each) => each.version(at)),
      Option.getOrUndefined
    )
  return { root, git, write, version, remove: (file: string) => rmSync(join(root, file)) }
})

const committed = Effect.gen(function* () {
  const all = yield* repository
  all.git("init")
  all.write("app/main", "one\n")
  all.write(".gitignore", "ignored\n")
  all.git("add", ".")
  all.git("commit", "--message", "one")
  return { ...all, commit: all.git("rev-parse", "--short", "HEAD") }
})

describe("the version of a folder", () => {
  it.live("is its short commit when nothing differs from it", () =>
    Effect.gen(function* () {
      const { commit, root, version, write } = yield* committed
      expect(yield* version()).toBe(commit)
      expect(yield* version(join(root, "app"))).toBe(commit)
      write("ignored", "x")
      expect(yield* version()).toBe(commit)
    })
  )

  it.live("is the commit, marked, with a hash of the differences", () =>
    Effect.gen(function* () {
      const { commit, git, remove, version, write } = yield* committed
      const seen = new Set<string | undefined>()
      const next = Effect.map(version(), (found) => {
        expect(found).toMatch(new RegExp(`^${commit}-dirty-[0-9a-f]{8}$`))
        expect(seen.has(found)).toBe(false)
        seen.add(found)
        return found
      })
      write("app/main", "two\n")
      const changed = yield* next
      git("add", ".")
      // It is the content that counts, not what git has been told of it.
      expect(yield* version()).toBe(changed)
      write("new file\nwith a line break", "a")
      yield* next
      write("new file\nwith a line break", "b")
      const named = yield* next
      remove("new file\nwith a line break")
      write("-n", "b")
      expect(yield* next).not.toBe(named)
      write("binary", "\0\u0001")
      yield* next
      write("app/main", "one\n")
      yield* next
      remove("binary")
      remove("-n")
      expect(yield* version()).toBe(commit)
      remove("app/main")
      yield* next
    })
  )

  it.live("is the same for the same content", () =>
    Effect.gen(function* () {
      const { version, write } = yield* committed
      write("app/main", "two\n")
      write("new", "x")
      const first = yield* version()
      write("app/main", "three\n")
      expect(yield* version()).not.toBe(first)
      write("app/main", "two\n")
      expect(yield* version()).toBe(first)
    })
  )

  it.live("does not depend on how it is deployed", () =>
    Effect.gen(function* () {
      const { commit, version, write } = yield* committed
      write(".jiji/deploy.yml", "project: shop\n")
      expect(yield* version()).toBe(commit)
    })
  )

  it.live("does not depend on other folders of the repository", () =>
    Effect.gen(function* () {
      const { commit, root, version, write } = yield* committed
      write("other/file", "x")
      expect(yield* version(join(root, "app"))).toBe(commit)
      expect(yield* version()).toStartWith(`${commit}-dirty-`)
    })
  )

  it.live("is unknown without a commit, a repository or a folder", () =>
    Effect.gen(function* () {
      const { git, root, version, write } = yield* repository
      expect(yield* version()).toBe(undefined)
      git("init")
      write("file", "x")
      expect(yield* version()).toBe(undefined)
      expect(yield* version(join(root, "nowhere"))).toBe(undefined)
    })
  )

  it.live("is the same with busybox", () =>
    Effect.gen(function* () {
      const { root, version, write } = yield* committed
      const other = () =>
        execFileSync("busybox", ["sh", "-c", script.text, "jiji", `folder=${root}`], {
          stdio: ["ignore", "pipe", "ignore"]
        })
          .toString()
          .trim()
      expect(other()).toBe((yield* version()) ?? "")
      write("new file", "x")
      write("app/main", "two\n")
      expect(other()).toBe((yield* version()) ?? "")
    })
  )
})
