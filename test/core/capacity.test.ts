import { describe, expect, test } from "bun:test"
import { Context, Effect } from "effect"
import { capacityOf, CurrentCapacity } from "../../src/core/capacity.ts"

const gigabyte = 1024 ** 3

describe("how many items of a forEach run at the same time", () => {
  test("is limited by the open files of the process", () => {
    expect(capacityOf({ openFiles: 4096, memory: 64 * gigabyte }).items).toBe(208)
    expect(capacityOf({ openFiles: 1_048_576, memory: 1024 * gigabyte }).items).toBeGreaterThan(10_000)
  })

  test("is limited by the machine's memory", () => {
    expect(capacityOf({ openFiles: 1_048_576, memory: gigabyte }).items).toBe(128)
    expect(capacityOf({ openFiles: Number.POSITIVE_INFINITY, memory: 4 * gigabyte }).items).toBe(512)
  })

  test("is never zero", () => {
    expect(capacityOf({ openFiles: 64, memory: 1 }).items).toBe(8)
  })

  test("follows from this machine, unless a program says otherwise", () => {
    const { items } = Effect.runSync(CurrentCapacity)
    expect(Number.isInteger(items)).toBe(true)
    expect(items).toBeGreaterThanOrEqual(8)
    const own = Effect.provideContext(CurrentCapacity, Context.make(CurrentCapacity, { items: 3, handshakes: 1 }))
    expect(Effect.runSync(own).items).toBe(3)
  })
})
