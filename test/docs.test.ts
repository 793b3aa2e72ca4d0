import { expect, test } from "bun:test"
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
    const compiler = Bun.spawn([join(root, "node_modules/.bin/tsc"), "-p", folder], {
      stdout: "pipe",
      stderr: "inherit"
    })
    const said = await compiler.stdout.text()
    return (await compiler.exited) === 0 ? "" : said
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("the code in the docs compiles as it stands there", async () => {
  const files = pages.flatMap((page) =>
    blocks(page).map((code, index) => [`${page.replaceAll("/", "-")}-${index + 1}.ts`, code] as const)
  )
  expect(files.length).toBeGreaterThan(0)
  expect(await compile(files)).toBe("")
}, 60_000)

test("code that would not compile is found", async () => {
  const code = blocks("README.md")[0]?.replace("Pipeline.step(Connect.step),", "") ?? ""
  expect(await compile([["wrong.ts", code]])).toContain("Property 'connected' is missing")
}, 60_000)
