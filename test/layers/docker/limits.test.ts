import { expect, test } from "bun:test"
import { Duration } from "effect"
import { cleanupLimit, replaceLimit } from "../../../src/layers/docker/limits.ts"

/** The limit of a replacement in seconds. */
const seconds = (engine: string, runningFor: number, timeout: number): number => {
  const health = { runningFor: Duration.seconds(runningFor), timeout: Duration.seconds(timeout) }
  return Duration.toSeconds(Duration.fromInputUnsafe(replaceLimit(engine, "web", health).after))
}

test("the limit of a replacement includes its lock, and the health times of a trial and of the new container", () => {
  expect(seconds("docker", 10, 60)).toBe(600 + 2 * (10 + 60) + 300)
  expect(seconds("docker", 10, 3600)).toBe(600 + 2 * (10 + 3600) + 300)
})

test("with podman, the limit of a replacement includes the wait for other pulls", () => {
  expect(seconds("podman", 10, 60)).toBe(600 + 30 + 2 * (10 + 60) + 300)
})

test("the limit of a replacement includes a longer time to stop, for the old container and the new one", () => {
  const health = { runningFor: Duration.seconds(10), timeout: Duration.seconds(60) }
  const { after, noteAfter } = replaceLimit("docker", "web", { ...health, stopTimeout: 100 })
  const plain = replaceLimit("docker", "web", health)
  const more = (one: Duration.Input = 0, other: Duration.Input = 0) =>
    Duration.toSeconds(Duration.fromInputUnsafe(one)) - Duration.toSeconds(Duration.fromInputUnsafe(other))
  expect(more(after, plain.after)).toBe(2 * 90)
  expect(more(noteAfter, plain.noteAfter)).toBe(90)
  expect(Duration.toSeconds(cleanupLimit(100))).toBe(120)
  expect(Duration.toSeconds(cleanupLimit(1))).toBe(30)
})
