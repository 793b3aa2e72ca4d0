import { expect } from "bun:test"
import { Effect, Fiber, Result } from "effect"
import { followRun } from "../../../src/cli/remote/followRun.ts"
import { RemoteUnreachable } from "../../../src/cli/remote/RemoteError.ts"
import { Notices } from "../../../src/reporters/Notices.ts"
import { it } from "../../support/effect.ts"
import { advanceUntilDone } from "../../support/waiting.ts"

const url = "https://deploy.example.com"

it.effect("gives up a server that is gone for long, and says how to follow the run again", () =>
  Effect.gen(function* () {
    const gone = () => Effect.fail(new RemoteUnreachable({ url, detail: "the connection was refused" }))
    const connection = {
      url,
      behind: () => 0,
      request: gone,
      stream: gone,
      explain: () => new RemoteUnreachable({ url, detail: "" })
    }
    const printed: Array<string> = []
    const following = followRun(connection, 12, { after: 3 }, () => Effect.void).pipe(
      Effect.provideService(Notices, { print: (line) => void printed.push(line), redirect: () => () => {} }),
      Effect.result
    )
    const fiber = yield* Effect.forkChild(following, { startImmediately: true })
    const result = yield* advanceUntilDone(fiber, "10 seconds")
    yield* Fiber.await(fiber)
    expect(Result.isFailure(result) && result.failure).toMatchObject({
      _tag: "RemoteLost",
      message: `${url} has not answered for 10m: the connection was refused.`,
      remedy: expect.stringContaining(`Follow it: \`jiji --remote ${url} runs follow 12\`.`)
    })
    expect(printed).toEqual([`the connection to ${url} is lost; connecting again`])
  })
)
