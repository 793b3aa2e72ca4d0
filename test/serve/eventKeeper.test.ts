import { expect, test } from "bun:test"
import type { Event } from "../../src/core/Event.ts"
import { eventKeeper } from "../../src/serve/eventKeeper.ts"

const stamp = { run: "r", time: 1, path: "p/step" }
const output = (seq: number): Event => ({
  _tag: "StepOutput",
  ...stamp,
  seq,
  machine: "here",
  stream: "stdout",
  line: "x".repeat(100)
})
const ended = (seq: number): Event => ({ _tag: "StepSucceeded", ...stamp, seq, kind: "step", millis: 1 })

test("stores the first and the last output of a run, and everything that it did", () => {
  const size = JSON.stringify(output(100)).length
  const keeper = eventKeeper(1000, { first: 10 * size, last: 5 * size })
  const stored = new Set<number>()
  for (let seq = 100; seq < 200; seq++) {
    const { add, drop } = keeper.add([seq % 10 === 0 ? ended(seq) : output(seq)])
    for (const { position } of add) stored.add(position)
    for (const position of drop) stored.delete(position)
  }
  const kept = [...stored].map((position) => position - 1000)
  expect(kept.filter((seq) => seq % 10 === 0)).toHaveLength(10)
  const outputs = kept.filter((seq) => seq % 10 !== 0)
  expect(outputs.slice(0, 10)).toEqual([101, 102, 103, 104, 105, 106, 107, 108, 109, 111])
  expect(outputs.slice(-5)).toEqual([195, 196, 197, 198, 199])
  expect(outputs.length).toBeLessThanOrEqual(10 + 2 * 5 + 1)
})

test("shortens a line that is too long", () => {
  const { add } = eventKeeper(0).add([
    { _tag: "StepOutput", ...stamp, seq: 1, machine: "here", stream: "stdout", line: "x".repeat(1_000_000) }
  ])
  expect(add[0]?.body.length).toBeLessThan(10_000)
})
