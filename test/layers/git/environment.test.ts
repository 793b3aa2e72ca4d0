import { describe, expect } from "bun:test"
import { Context, Effect, Layer, Option } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ignored } from "../../../src/layers/git/ignored/ignored.ts"
import { version } from "../../../src/layers/git/version/version.ts"
import { Git } from "../../../src/layers/git/Git.ts"
import { Processes } from "../../../src/layers/processes/Processes.ts"
import { it } from "../../support/effect.ts"
import { liveShell } from "../liveShell.ts"
import { folder } from "../ssh/fixture.ts"

const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]

/** A repository with a commit whose only file has this text. */
const repository = Effect.fnUntraced(function* (text: string) {
  const root = yield* folder
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", [...identity, ...args], { cwd: root, stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim()
  git("init")
  writeFileSync(join(root, "file"), text)
  git("add", ".")
  git("commit", "--message", text)
  return { root, git, commit: git("rev-parse", "--short", "HEAD") }
})

/** What jiji's git service returns: the version, undefined, or git's message. */
const service = Effect.gen(function* () {
  const { processes } = yield* liveShell
  const git = Context.get(yield* Layer.build(Git.layer.pipe(Layer.provide(Layer.succeed(Processes, processes)))), Git)
  return {
    version: (root: string) =>
      git.version(root).pipe(
        Effect.map(Option.getOrUndefined),
        Effect.catchTag("GitFailed", ({ output }) => Effect.succeed({ output }))
      ),
    notIgnored: git.notIgnored
  }
})

const setVariables = (variables: Readonly<Record<string, string | undefined>>) =>
  Effect.sync(() => {
    for (const [name, value] of Object.entries(variables)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

/** Sets variables of this process while an effect runs: the commands that it starts inherit them. */
const withVariables = <A, E, R>(variables: Readonly<Record<string, string>>, effect: Effect.Effect<A, E, R>) => {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
  return Effect.acquireUseRelease(
    setVariables(variables),
    () => effect,
    () => setVariables(before)
  )
}

/** Runs a script with a shell and returns its output. */
const run = (
  shell: ReadonlyArray<string>,
  script: string,
  args: ReadonlyArray<string>,
  env: Record<string, string>
) => {
  const [program = "sh", ...words] = shell
  return execFileSync(program, [...words, "-c", script, "jiji", ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "ignore"]
  })
    .toString()
    .trim()
}

describe("the caller's environment", () => {
  it.live("decides neither the version nor which files git ignores", () =>
    Effect.gen(function* () {
      const { commit, root } = yield* repository("one")
      const other = yield* repository("two")
      writeFileSync(join(other.root, ".gitignore"), ".env\n")
      const { notIgnored, version } = yield* service
      const variables: ReadonlyArray<Readonly<Record<string, string>>> = [
        { GIT_DIR: join(other.root, ".git") },
        { GIT_DIR: join(other.root, ".git"), GIT_WORK_TREE: other.root },
        { GIT_WORK_TREE: other.root },
        { GIT_INDEX_FILE: join(root, "nowhere") },
        { GIT_OBJECT_DIRECTORY: join(root, "nowhere") },
        { GIT_COMMON_DIR: join(other.root, ".git") },
        { GIT_CEILING_DIRECTORIES: join(root, "..") },
        { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "core.worktree", GIT_CONFIG_VALUE_0: other.root },
        { GIT_LITERAL_PATHSPECS: "1" },
        { GIT_EXTERNAL_DIFF: "false" }
      ]
      for (const each of variables) {
        expect({ each, version: yield* withVariables(each, version(root)) }).toEqual({ each, version: commit })
        const found = yield* withVariables(each, notIgnored(root, [".env"]))
        expect({ each, found }).toEqual({ each, found: [".env"] })
      }
      writeFileSync(join(root, "file"), "three")
      const dirty = yield* version(root)
      expect(dirty).toStartWith(`${commit}-dirty-`)
      for (const each of variables) {
        expect({ each, version: yield* withVariables(each, version(root)) }).toEqual({ each, version: dirty })
      }
    })
  )

  it.live("is cleared by every shell, also of variables whose values have line breaks", () =>
    Effect.gen(function* () {
      const { commit, root } = yield* repository("one")
      const other = yield* repository("two")
      const env = {
        NOTES: "first\nGIT_;echo=1\nGIT_A B=2\nGIT_NOT_SET=3",
        GIT_DIR: join(other.root, ".git"),
        GIT_EMPTY: "",
        GIT_LINES: "a\nb=c"
      }
      writeFileSync(join(other.root, ".git/info/exclude"), ".env\n")
      for (const shell of [["sh"], ["bash"], ["busybox", "sh"]]) {
        expect(run(shell, version.text, [`folder=${root}`], env)).toBe(commit)
        writeFileSync(join(root, ".git/info/exclude"), "kept\n")
        expect(run(shell, ignored.text, [`folder=${root}`, "--", ".env", "kept"], env)).toBe("kept")
      }
    })
  )
})

describe("a repository that git cannot read", () => {
  it.live("gives git's own message if it belongs to another user", () =>
    Effect.gen(function* () {
      const { root } = yield* repository("one")
      mkdirSync(join(root, "app"))
      const bin = yield* folder
      // This variable makes git behave as if the repository belonged to another user. Only root could change its owner.
      const wrapper = `#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec ${Bun.which("git")} "$@"\n`
      writeFileSync(join(bin, "git"), wrapper, { mode: 0o755 })
      const { version } = yield* service
      const output = `fatal: detected dubious ownership in repository at '${root}' To add an exception for this directory, call: git config --global --add safe.directory ${root}`
      const path = `${bin}:${process.env.PATH}`
      for (const each of [root, join(root, "app")]) {
        expect(yield* withVariables({ PATH: path }, version(each))).toEqual({ output })
      }
    })
  )

  it.live("gives git's own message if it is damaged", () =>
    Effect.gen(function* () {
      const { version } = yield* service
      const damages: ReadonlyArray<readonly [string, (root: string, commit: string) => void]> = [
        ["fatal: not a git repository", (root) => rmSync(join(root, ".git/HEAD"))],
        ["fatal: Needed a single revision", (root) => writeFileSync(join(root, ".git/refs/heads/main"), "")],
        ["fatal: bad object HEAD", (root) => writeFileSync(join(root, ".git/refs/heads/main"), `${"12".repeat(20)}\n`)],
        [
          "fatal: bad object HEAD",
          (root) => {
            for (const each of readdirSync(join(root, ".git/objects"))) {
              rmSync(join(root, ".git/objects", each), { recursive: true })
            }
          }
        ],
        ["fatal: bad config line 1", (root) => writeFileSync(join(root, ".git/config"), "[core\n")],
        [
          "fatal: not a git repository: /nowhere",
          (root) => {
            rmSync(join(root, ".git"), { recursive: true })
            writeFileSync(join(root, ".git"), "gitdir: /nowhere\n")
          }
        ],
        [
          "fatal: not a git repository",
          (root) => {
            rmSync(join(root, ".git"), { recursive: true })
            symlinkSync("/nowhere", join(root, ".git"))
          }
        ]
      ]
      for (const [expected, damage] of damages) {
        const { commit, root } = yield* repository("one")
        damage(root, commit)
        expect(yield* version(root)).toEqual({ output: expect.stringContaining(expected) })
      }
    })
  )

  it.live("gives git's own message if only a changed file's former content is damaged", () =>
    Effect.gen(function* () {
      const { git, root } = yield* repository("one")
      const { version } = yield* service
      const blob = git("rev-parse", "HEAD:file")
      rmSync(join(root, ".git/objects", blob.slice(0, 2), blob.slice(2)))
      writeFileSync(join(root, "file"), "another size")
      expect(yield* version(root)).toEqual({ output: expect.stringContaining(`unable to read ${blob}`) })
    })
  )

  it.live("is named if git is not installed", () =>
    Effect.gen(function* () {
      const { root } = yield* repository("one")
      const bin = yield* folder
      for (const each of ["sh", "env", "sed"]) symlinkSync(`/bin/${each}`, join(bin, each))
      const { version } = yield* service
      expect(yield* withVariables({ PATH: bin }, version(root))).toEqual({
        output: "git is not installed, or not in PATH"
      })
    })
  )

  it.live("is not one without commits, nor a folder outside of repositories", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { version } = yield* service
      expect(yield* version(root)).toBe(undefined)
      execFileSync("git", [...identity, "init", "--quiet"], { cwd: root })
      expect(yield* version(root)).toBe(undefined)
      writeFileSync(join(root, "file"), "x")
      execFileSync("git", ["add", "."], { cwd: root })
      expect(yield* version(root)).toBe(undefined)
    })
  )

  it.live("is not one with untracked files that have no hash", () =>
    Effect.gen(function* () {
      const { commit, root } = yield* repository("one")
      const { version } = yield* service
      symlinkSync("/nowhere", join(root, "nowhere"))
      symlinkSync(".", join(root, "loop"))
      mkdirSync(join(root, "inner"))
      execFileSync("git", [...identity, "init", "--quiet"], { cwd: join(root, "inner") })
      expect(yield* version(root)).toMatch(new RegExp(`^${commit}-dirty-[0-9a-f]{8}$`))
    })
  )
})
