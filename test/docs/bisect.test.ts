import { expect, test } from "bun:test"
import { Effect, Exit } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { bisect } from "../../examples/bisect/.jiji/pipelines/bisect.ts"
import { Answer, Rehearsal } from "../../src/testing/index.ts"
import { pipelines } from "../cli/pipelines/program.ts"
import { compileFirst } from "../cli/project.ts"

compileFirst()

const file = join(import.meta.dir, "../../examples/bisect/.jiji/pipelines/bisect.ts")
const folder = () => pipelines({ ".jiji/pipelines/bisect.ts": readFileSync(file, "utf8") })

test("examples/bisect finds the commit that broke something", () => {
  using shop = folder()
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=me", "-c", "user.email=me@example.com", ...args], {
      cwd: shop.root,
      env: shop.env
    })
      .toString()
      .trim()
  git("init", "--quiet")
  const commits = Array.from({ length: 12 }, (_, n) => {
    execFileSync("sh", ["-c", 'echo "$1" >> lines', "sh", n === 7 ? "bug" : String(n)], { cwd: shop.root })
    git("add", "lines")
    git("commit", "--quiet", "--message", String(n))
    return git("rev-parse", "HEAD")
  })
  const { code, stderr, stdout } = shop.jiji([
    "run",
    "bisect",
    "--good",
    commits[0] ?? "",
    "--check",
    "! grep -q bug lines"
  ])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain(`the first bad commit: ${commits[7]}`)
  expect(stdout.match(/ test: done/g)).toHaveLength(4)
  const shown = shop.jiji(["runs", "show"])
  expect([shown.code, shown.stderr]).toEqual([0, ""])
  const page = shop.jiji(["runs", "show", "--html", "-"])
  expect([page.code, page.stdout]).toEqual([0, expect.stringContaining("bisect/search/halve/half/halve/test")])
  const events = shop.jiji(["runs", "show", "--json"]).stdout
  expect(events).toContain('"path":"bisect/search/halve/half/halve/half/halve/test"')
  expect(git("worktree", "list").split("\n")).toHaveLength(1)
}, 60_000)

test("examples/bisect rehearses", () => {
  using shop = folder()
  const { code, stderr, stdout } = shop.jiji(["run", "bisect", "--good", "v1", "--check", "bun test", "--dry-run"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain("git rev-list --reverse --first-parent --end-of-options v1..HEAD")
})

test("examples/bisect rehearses a search", async () => {
  const isBad = (commit: string) => commit >= "c"
  const answers = [
    Answer.when({ on: "local", command: "git rev-list" }, Answer.says("a\nb\nc\nd\n")),
    Answer.when({ on: "local", command: "sh" }, ({ command }) =>
      Effect.succeed({ stdout: "", stderr: "", exitCode: isBad(command.words[4] ?? "") ? 1 : 0 })
    )
  ]
  const run = await Effect.runPromise(Rehearsal.run(bisect, { good: "0", check: "true" }, { answers }))
  expect(run.failures).toEqual([])
  expect(Exit.isSuccess(run.exit) && run.exit.value.first).toBe("c")
})
