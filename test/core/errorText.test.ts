import { describe, expect, test } from "bun:test"
import { Cause, Data } from "effect"
import { sourceLocation } from "../../src/core/errorText.ts"
import { failureRecords } from "../../src/core/failureRecords.ts"

class Odd extends Data.TaggedError("Odd")<{ readonly n: number }> {}

const record = (cause: Cause.Cause<unknown>) => failureRecords(cause)[0]
const here = /\(at \/.*\/errorText\.test\.ts:\d+\)$/

describe("a defect of a step", () => {
  test("is reported with the first stack frame in the author's files", () => {
    const read = (value: { readonly a?: { readonly b: string } }) => value.a?.b.length
    const faults = [new TypeError("in step"), new Error("")]
    try {
      // Code without type checking can pass this.
      read({ a: {} as { b: string } })
    } catch (error) {
      if (error instanceof Error) faults.push(error)
    }
    const records = faults.map((fault) => record(Cause.die(fault)))
    for (const each of records) expect([each?.tag, each?.message]).toEqual(["Defect", expect.stringMatching(here)])
    expect(records.map((each) => each?.message.split(" (at ")[0])).toEqual([
      "in step",
      "Error",
      expect.stringContaining("undefined")
    ])
    expect(records[0]?.remedy).toContain("Please report")
  })

  test("is reported without a location if no stack frame is in the author's files", () => {
    const fault = new Error("within")
    fault.stack = `Error: within\n  at f (${import.meta.dir.replace("test/", "src/")}/run.ts:1:1)\n  at g (/a/node_modules/x/y.js:2:2)`
    expect(sourceLocation(fault)).toBeUndefined()
    fault.stack += "\n  at async h (/home/me/canary.ts:12:3)"
    expect(record(Cause.die(fault))?.message).toBe("within (at /home/me/canary.ts:12)")
  })
})

describe("a failure that is not a jiji error", () => {
  test("is reported with its tag and fields, and not as a bug in jiji", () => {
    const circular: Record<string, unknown> = { _tag: "Round" }
    circular["self"] = circular
    const shown = (value: unknown) => record(Cause.fail(value))
    expect(shown({ _tag: "Odd", n: 1 })).toEqual({
      tag: "Odd",
      message: 'Odd {"n":1}',
      remedy: "This error comes from a step of your own. Give it a `message` and a `remedy` that explain it."
    })
    expect(shown("no")).toMatchObject({ tag: "Failure", message: "no" })
    expect(shown({ n: [1] })).toMatchObject({ tag: "Failure", message: '{"n":[1]}' })
    expect(shown(new Odd({ n: 2 }))).toMatchObject({ tag: "Odd", message: 'Odd {"n":2}' })
    expect(shown(circular)?.message).toStartWith("Round {")
    expect(shown(Object.create(null))?.message).toBe("{}")
    expect(shown(undefined)?.message).toBe("undefined")
    expect(shown({ n: "x".repeat(10_000) })?.message.length).toBeLessThan(2000)
  })
})
