import { describe, expect, test } from "bun:test"
import { Glob } from "bun"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { configuration } from "../../docs/source/configuration.ts"
import { events, eventsSchema } from "../../docs/source/events.ts"
import { samples } from "../../docs/source/samples.ts"
import { meanings, troubleshooting } from "../../docs/source/troubleshooting.ts"
import { ExitCode } from "../../src/core/Failure.ts"

const root = join(import.meta.dir, "../..")
const page = (name: string) => readFileSync(join(root, "docs", name), "utf8")

describe("generated docs are up to date (run bin/docs)", () => {
  test("configuration.md", () => expect(page("configuration.md")).toBe(configuration()))
  test("events.md", () => expect(page("events.md")).toBe(events()))
  test("events.schema.json", () => expect(page("events.schema.json")).toBe(eventsSchema()))
  test("troubleshooting.md", () => expect(page("troubleshooting.md")).toBe(troubleshooting()))
})

const sources = [...new Glob("src/**/*.ts").scanSync(root)].map((file) => readFileSync(join(root, file), "utf8"))
const classes = sources.flatMap((text) =>
  [...text.matchAll(/Schema\.TaggedError<\w+>\(\)\(\s*"(\w+)"/gu)].map(([, tag = ""]) => tag)
)
const errors = Object.values(samples).flat()

describe("every error is told of, with an example (docs/source/samples.ts)", () => {
  test("and only errors that there are", () => {
    expect(classes.length).toBeGreaterThan(50)
    expect(errors.map(({ _tag }) => _tag).sort()).toEqual(classes.toSorted())
  })
  for (const { _tag, exitCode, message, remedy } of errors) {
    test(_tag, () => {
      expect(meanings.get(_tag)).toMatch(/\.$/)
      expect(Object.values(ExitCode)).toContain(exitCode)
      expect(message).not.toMatch(/undefined|\[object/)
      expect(remedy).toMatch(/\S/)
      expect(remedy).not.toMatch(/undefined|\[object|\n/)
    })
  }
})
