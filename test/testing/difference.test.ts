import { describe, expect, test } from "bun:test"
import { Effect } from "effect"

import * as Answer from "../../src/testing/Answer.ts"
import { difference } from "../../src/testing/difference.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { deploying } from "./rehearsing.ts"

describe("the comparison with expected commands", () => {
  const done = ["# open the SSH connection", "docker pull a", "docker run a", "docker ps"]
  const compare = (...expected: ReadonlyArray<string | RegExp>) => difference({ web1: expected }, () => done, false)

  test("matches the first words, * as any text, and regular expressions", () => {
    expect(compare("# open", "docker pull", "docker run *", /^docker ps$/)).toBeUndefined()
    expect(compare("*", "*", "*", "*")).toBeUndefined()
    expect(compare("# op", "docker pull", "docker run", "docker ps")).toContain("- # op\n")
  })

  test("shows missing, different and unexpected commands among the matching ones", () => {
    expect(compare("# open", "docker login", "docker pull b", "docker run", "docker stop")).toBe(
      [
        "  web1:",
        "      # open the SSH connection",
        "    - docker login",
        "    - docker pull b",
        "    + docker pull a",
        "      docker run a",
        "    - docker stop",
        "    + docker ps"
      ].join("\n")
    )
  })

  test("checks that nothing was done on a machine, and ignores machines that are not named", () => {
    expect(difference({ web2: [] }, () => done, false)).toContain("+ docker run a")
    expect(difference({}, () => done, false)).toBeUndefined()
  })

  test("uses colours only on request", () => {
    expect(difference({ web2: [] }, () => ["a"], true)).toBe("  web2:\n    \u001b[32m+ a\u001b[0m")
  })

  it.effect("shows how the run ended, and unused answers", () =>
    Effect.gen(function* () {
      const run = yield* deploying(Answer.unreachable("web2"), Answer.when("podman", Answer.hangs))
      expect(() => Rehearsal.expect(run, { web1: ["jiji:probe.sh"] })).toThrow(
        [
          "The commands are not as expected (- expected, + actual):",
          "  web1:",
          "    + # open the SSH connection",
          "      jiji:probe.sh engine=docker project=shop",
          "These answers were never used:",
          "  podman",
          "The run failed: web2 (203.0.113.11:2222) cannot be reached: the connection was refused."
        ].join("\n")
      )
      const good = yield* deploying()
      expect(() => Rehearsal.expect(good, { web2: [] })).toThrow(/The run succeeded\.$/)
    })
  )

  it.effect("rejects a machine that the project does not have", () =>
    Effect.gen(function* () {
      const run = yield* deploying()
      expect(() => Rehearsal.expect(run, { web9: [] })).toThrow(
        'There is no machine "web9". The machines are web1, web2 and local.'
      )
    })
  )
})
