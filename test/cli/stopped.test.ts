import { expect, test } from "bun:test"
import { stopped } from "../../src/cli/stopped.ts"

test("a second signal says what was held, in the order in which it would have been released", () => {
  expect(stopped(["connection to web1", "local registry", "reverse forward from web1"])).toBe(
    "\nstopped at once; this was still held, and may be left:\n" +
      "  reverse forward from web1\n  local registry\n  connection to web1\n" +
      "  → A half-made container may be on a server, too; the next deploy mends it.\n"
  )
  expect(stopped([])).toBe("\nstopped at once; nothing was held\n")
})
