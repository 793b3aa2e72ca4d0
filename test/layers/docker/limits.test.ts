import { expect, test } from "bun:test"
import { Duration } from "effect"
import { replaceLimit } from "../../../src/layers/docker/limits.ts"

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
