import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const rows = (stdout: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...(stdout.split("Pipelines in .jiji/pipelines")[1] ?? "").matchAll(/^ {2}(\S+) *(.*)$/gm)].map(
      ([, name = "", text = ""]) => [name, text]
    )
  )

const runnable = (description: string, flags = "") =>
  `import { Pipeline, Runnable } from "jiji"\nexport default Runnable.make({ ${flags} ${description}, pipeline: Pipeline.make("x") })\n`

test("jiji list runs no code of the project", () => {
  const effect = 'await Bun.write("was-run", "x"); process.exit(0)\n'
  using shop = pipelines({
    ".jiji/pipelines/a.ts": `${runnable('description: "First"')}${effect}`,
    ".jiji/pipelines/b.js": `for (;;) {}\n`,
    ".jiji/pipelines/c.ts": runnable('description: "Last"')
  })
  const { code, stderr, stdout } = shop.jiji(["list"])
  expect([code, stderr, rows(stdout)]).toEqual([0, "", { a: "First", b: "", c: "Last" }])
  expect(existsSync(join(shop.root, "was-run"))).toBe(false)
  expect(shop.jiji(["list", "a"]).code).toBe(78)
  expect(existsSync(join(shop.root, "was-run"))).toBe(true)
})

test("jiji list reads descriptions from the source", () => {
  const flag = 'flags: Schema.Struct({ a: Schema.String.annotateKey({ description: "A flag\'s" }) }),'
  using shop = pipelines({
    ".jiji/pipelines/after-flags.ts": runnable('description: "Its own"', flag),
    ".jiji/pipelines/comment.ts": "#!/usr/bin/env bun\n/**\n * Described above.\n * More.\n */\nexport default 1\n",
    ".jiji/pipelines/computed.ts": `// A comment\n${runnable("description: `to ${process.env.X}`")}`,
    ".jiji/pipelines/escaped.ts": runnable("description: 'it\\'s \\u{1F680} \\x1b[31mred \"quoted\"'"),
    ".jiji/pipelines/hidden.ts": `const x = "Runnable.make"\n/* Runnable.make({ description: "no" }) */\nexport default x\n`,
    ".jiji/pipelines/sum.ts": runnable('description: "a" + name'),
    ".jiji/pipelines/template.mts": runnable("description: `plain`")
  })
  expect(rows(shop.jiji(["list"]).stdout)).toEqual({
    "after-flags": "Its own",
    comment: "Described above.",
    computed: "A comment",
    escaped: 'it\'s 🚀 red "quoted"',
    hidden: "",
    sum: "",
    template: "plain"
  })
})

test("the help says which commands run a file's code", () => {
  using shop = pipelines({})
  expect(shop.jiji(["list", "--help"]).stdout).toContain("a file whose code then runs")
  expect(shop.jiji(["list", "--help"]).stdout).toContain("run none of their code")
})
