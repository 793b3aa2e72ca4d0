import { beforeAll, describe, expect, test } from "bun:test"
import { Glob } from "bun"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dir, "..")

/** The TypeScript blocks of a page, in order. */
const blocks = (page: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code)

const pages = ["README.md", ...new Glob("docs/*.md").scanSync(root)]

/** What the compiler says of files that stand in the project, one each. */
const compile = async (files: ReadonlyArray<readonly [name: string, code: string]>): Promise<string> => {
  mkdirSync(join(root, "dist"), { recursive: true })
  const folder = mkdtempSync(join(root, "dist/docs-"))
  try {
    for (const [name, code] of files) writeFileSync(join(folder, name), code)
    const config = {
      extends: "../../tsconfig.json",
      include: ["."],
      compilerOptions: { plugins: [] }
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const compiler = Bun.spawn([join(root, "node_modules/.bin/tsc"), "--checkers", "1", "-p", folder], {
      stdout: "pipe",
      stderr: "inherit"
    })
    const said = await compiler.stdout.text()
    return (await compiler.exited) === 0 ? "" : said
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const files = pages.flatMap((page) =>
  blocks(page).map((code, index) => [`${page.replaceAll("/", "-")}-${index + 1}.ts`, code] as const)
)
const wrong = blocks("README.md")[0]?.replace("Pipeline.step(Connect.step),", "") ?? ""

describe("the compiler", () => {
  let lines: ReadonlyArray<string> = []
  // All at once, since most of the time goes into what they import.
  beforeAll(async () => {
    lines = (await compile([...files, ["wrong.ts", wrong]])).split(/\n(?=\S)/).filter((line) => line !== "")
  }, 120_000)
  const isWrong = (line: string) => /^\S*\bwrong\.ts[(:]/.test(line)

  test("accepts the code in the docs as it stands there", () => {
    expect(files.length).toBeGreaterThan(0)
    expect(lines.filter((line) => !isWrong(line))).toEqual([])
  })

  test("finds code that would not compile", () => {
    expect(lines.filter(isWrong).join("\n")).toContain("Property 'connected' is missing")
  })
})
