import { expect } from "bun:test"
import { Effect, Redacted } from "effect"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { it } from "../support/effect.ts"
import { server } from "./problems.ts"
import { problemsOf } from "./project.ts"

it.live("a problem that quotes the beginning of a long value shows no half of a secret", () =>
  Effect.gen(function* () {
    const scrubber = Scrubber.make()
    scrubber.add(Redacted.make("Sup3rS3cretTokenABCDEFGHIJKLMNOP"))
    const host = `https://me:${"x".repeat(30)}Sup3rS3cretTokenABCDEFGHIJKLMNOP@h`
    const [problem = ""] = yield* problemsOf(server(`host: "${host}"`))
    expect(problem).toContain("Sup3rS3cret")
    expect(scrubber.text(problem)).toEndWith(`not "https://me:${"x".repeat(30)}<redacted> … (cut)"`)
  })
)
