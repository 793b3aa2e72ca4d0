import { describe, expect, test } from "bun:test"
import { Glob } from "bun"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { configuration } from "../../docs/source/configuration.ts"
import { events, eventsSchema } from "../../docs/source/events.ts"
import { errors, troubleshooting } from "../../docs/source/troubleshooting.ts"
import { ExitCode } from "../../src/core/Failure.ts"

const root = join(import.meta.dir, "../..")
const page = (name: string) => readFileSync(join(root, "docs", name), "utf8")

describe("generated docs are up to date (run bin/docs)", () => {
  test("configuration.md", () => expect(page("configuration.md")).toBe(configuration()))
  test("events.md", () => expect(page("events.md")).toBe(events()))
  test("events.schema.json", () => expect(page("events.schema.json")).toBe(eventsSchema()))
  test("troubleshooting.md", () => expect(page("troubleshooting.md")).toBe(troubleshooting()))
})

const sources = [...new Glob("**/*.ts").scanSync(join(root, "src"))]
  .filter((file) => file !== "core/defineError.ts")
  .map((file) => readFileSync(join(root, "src", file), "utf8"))
const declared = sources.flatMap((text) => [
  ...text.matchAll(/^ *(?:export )?(?:class (\w+) extends )?.*\bdefineError<(\w+)>\(\)\(\s*"(\w+)"/gmu)
])

describe("troubleshooting.md has every error with an example", () => {
  test("each error class of src is there once", () => {
    expect(declared.length).toBeGreaterThan(50)
    expect(errors.map(({ tag }) => tag)).toEqual(declared.map(([, , , tag = ""]) => tag).sort())
  })
  test("a class, its type and its tag have the same name", () => {
    for (const [, name, self, tag] of declared) expect([name, self]).toEqual([tag, tag])
  })
  test("defineError is the only way to define an error", () => {
    expect(sources.filter((text) => /\b(?:Schema|Data)\.(?:Tagged)?Error\b/u.test(text))).toEqual([])
  })
  for (const { meaning, samples, tag } of errors) {
    test(tag, () => {
      expect(meaning).toMatch(/\.$/)
      expect(samples.length).toBeGreaterThan(0)
      for (const { _tag, exitCode, message, remedy } of samples) {
        expect(_tag).toBe(tag)
        expect(Object.values(ExitCode)).toContain(exitCode)
        expect(message).not.toMatch(/undefined|\[object/)
        expect(remedy).toMatch(/\S/)
        expect(remedy).not.toMatch(/undefined|\[object|\n/)
      }
    })
  }
})
