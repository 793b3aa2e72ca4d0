import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { BuiltinCommands, readAliases } from "../../src/config/aliases.ts"
import { ConfigInvalid, showProblem } from "../../src/config/Problem.ts"
import * as Platform from "../../src/layers/Platform.ts"
import { it } from "../support/effect.ts"
import { testProblems, top } from "./problems.ts"
import { problemsOf } from "./project.ts"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const commands = ["console", "deploy", "exec", "logs"]

/** Reads the aliases of a project with this deploy.yml. */
const read = (text: string, above?: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-aliases-"))),
    (root) => {
      mkdirSync(join(root, ".jiji"))
      writeFileSync(join(root, ".jiji/deploy.yml"), text)
      if (above !== undefined) writeFileSync(join(root, ".jiji/deploy.staging.yml"), above)
      return readAliases({ cwd: root, ...(above !== undefined && { environment: "staging" }) }).pipe(
        Effect.provideService(BuiltinCommands, commands),
        Effect.provide(Platform.layer)
      )
    },
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  )

describe("an alias", () => {
  it.live("is split like a shell does, without running one", () =>
    Effect.gen(function* () {
      const { problems, words } = yield* read(
        `aliases:\n  a: exec web -- sh -c 'echo "$HOME"; ls | wc'\n  b: "logs -f --grep \\"a b\\" x\\\\ y"\n`
      )
      expect(problems).toEqual([])
      expect(Object.fromEntries(words)).toEqual({
        a: ["exec", "web", "--", "sh", "-c", 'echo "$HOME"; ls | wc'],
        b: ["logs", "-f", "--grep", "a b", "x y"]
      })
    })
  )

  it.live("comes from the environment's file, too, and from files with other mistakes", () =>
    Effect.gen(function* () {
      const { words } = yield* read(
        "project: 7\naliases: { up: deploy, down: logs }\n",
        "aliases: { up: deploy -S web }\n"
      )
      expect(Object.fromEntries(words)).toEqual({ up: ["deploy", "-S", "web"], down: ["logs"] })
    })
  )

  it.live("cannot replace a command, name an unknown one, or lead back to itself: each with its line", () =>
    Effect.gen(function* () {
      const { problems } = yield* read(
        [
          "aliases:",
          "  deploy: exec web -- ls",
          "  console: exec web -- bin/console",
          "  up: deplyo",
          "  a: b -x",
          "  b: c",
          "  c: a",
          "  d: a",
          "  self: self",
          "  e: exec web -- *",
          "  f: frobnicate"
        ].join("\n")
      )
      expect(problems.map(showProblem)).toEqual([
        ".jiji/deploy.yml:2 aliases.deploy: jiji has a command of this name, which an alias cannot replace; rename it, such as to `my-deploy`",
        ".jiji/deploy.yml:4 aliases.up: deplyo is not a command of jiji; did you mean `deploy`?",
        ".jiji/deploy.yml:5 aliases.a: leads back to itself: a → b → c → a",
        ".jiji/deploy.yml:6 aliases.b: leads back to itself: b → c → a → b",
        ".jiji/deploy.yml:7 aliases.c: leads back to itself: c → a → b → c",
        ".jiji/deploy.yml:9 aliases.self: leads back to itself: self → self",
        ".jiji/deploy.yml:11 aliases.f: frobnicate is not a command of jiji; `jiji --help` lists the commands",
        '.jiji/deploy.yml:10 aliases.e: cannot be split into words: The glob character "*" needs a shell'
      ])
    })
  )

  it.live("of a file that cannot be parsed is an error that names the file", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read("project: shop\n  aliases: [\n"))
      expect(error instanceof ConfigInvalid && error.problems[0]?.file).toBe(".jiji/deploy.yml")
    })
  )

  it.live("is checked whenever deploy.yml is loaded", () =>
    Effect.gen(function* () {
      const found = yield* problemsOf(top("aliases: { deploy: logs }")).pipe(
        Effect.provideService(BuiltinCommands, commands)
      )
      expect(found).toEqual([
        "8 aliases.deploy: jiji has a command of this name, which an alias cannot replace; rename it, such as to `my-deploy`"
      ])
    })
  )
})

describe("reports", () => {
  testProblems([
    [
      "an alias that needs a shell",
      top("aliases: { up: deploy | tee log }"),
      '8 aliases.up: cannot be split into words: The operator "|" needs a shell'
    ],
    [
      "an alias with an open quote",
      top(`aliases: { up: "logs 'x" }`),
      "8 aliases.up: cannot be split into words: The quote is not closed"
    ],
    [
      "an empty alias",
      top('aliases: { up: "" }'),
      "8 aliases.up: is empty; write a command of jiji, such as exec web -- bin/console"
    ],
    [
      "an alias that begins with jiji",
      top("aliases: { up: jiji deploy }"),
      "8 aliases.up: must not begin with jiji; leave it out"
    ],
    ["a circle", top("aliases: { a: a -x }"), "8 aliases.a: leads back to itself: a → a"]
  ])
})
