import { expect, test } from "bun:test"
import { statSync } from "node:fs"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const code = `import { Effect, Schema } from "effect"
import { Artifact, Pipeline, Runnable, Step } from "jiji"
const flags = Schema.Struct({ size: Schema.Int, file: Schema.String, twice: Schema.Boolean })
type Input = typeof flags.Type
const big = Step.make("big", ({ size }: Input) => Artifact.save("big.bin", new Uint8Array(size)))
const copy = Step.make("copy", ({ file }: Input) => Artifact.save("report.html", file))
const again = Step.make("again", ({ twice }: Input) =>
  twice ? Artifact.save("report.html", new Uint8Array(1)) : Effect.void
)
const outer = Step.make("outer", (state: Input) =>
  Pipeline.run(Pipeline.make<Input>("inner").pipe(Pipeline.step(copy)), state)
)
const pipeline = Pipeline.make<Input>("files").pipe(Pipeline.step(big), Pipeline.step(outer), Pipeline.step(again))
export default Runnable.make({ description: "Keep files", flags, pipeline })
`
const project = () => {
  const shop = pipelines({ ".jiji/pipelines/files.ts": code, "out/report.html": "<h1>fine</h1>" })
  const run = (size: number, file: string, ...more: ReadonlyArray<string>) =>
    shop.jiji(["run", "files", "--size", String(size), "--file", file, ...more])
  return { ...shop, run }
}

test("keeps what steps save, lists it and copies it out", async () => {
  using shop = project()
  expect(shop.run(3, "out/report.html")).toMatchObject({ code: 0, stderr: "" })
  const shown = shop.jiji(["runs", "show"])
  expect(shown.stdout).toContain("artifact big.bin (3 B, files/big)\nartifact report.html (13 B, inner/copy)\n")
  expect(shop.jiji(["runs", "show", "--html", "-"]).stdout).toContain("kept the artifact big.bin (3 B)")

  expect(shop.jiji(["runs", "artifact", "report.html"])).toMatchObject({ code: 0, stderr: "" })
  expect(await Bun.file(`${shop.root}/report.html`).text()).toBe("<h1>fine</h1>")
  expect(statSync(`${shop.root}/report.html`).mode & 0o777).toBe(0o600)
  const [, id = ""] = /"id":"([^"]+)"/.exec(shop.jiji(["runs", "--json"]).stdout) ?? []
  expect(shop.jiji(["runs", "artifact", "big.bin", id, "-o", "other"])).toMatchObject({ code: 0, stderr: "" })
  expect(await Bun.file(`${shop.root}/other`).bytes()).toEqual(new Uint8Array(3))

  const taken = shop.jiji(["runs", "artifact", "big.bin", "--output", "other"])
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining("Cannot write other")])
  const none = shop.jiji(["runs", "artifact", "big"])
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("It has: big.bin, report.html.")])
}, 60_000)

test("refuses what is too large, no file, or has a name that is taken", () => {
  using shop = project()
  const failure = (size: number, file: string, ...more: ReadonlyArray<string>) => {
    const { code, stdout } = shop.run(size, file, ...more)
    expect(code).toBe(1)
    return stdout
  }
  expect(failure(16_000_001, "out/report.html")).toContain("an artifact can have 16 MB")
  expect(failure(1, "out")).toContain("out is not a file")
  expect(failure(1, "out/none")).toContain("out/none")
  expect(failure(1, "out/report.html", "--twice")).toContain("another step of this run has kept one of this name")
}, 60_000)

test("a dry run keeps nothing", () => {
  using shop = project()
  expect(shop.run(1, "out/none", "--dry-run")).toMatchObject({ code: 0, stderr: "" })
  expect(shop.run(1, "out/none", "--dry-run", "--json").stdout).toContain("a run would keep the artifact report.html")
}, 60_000)
