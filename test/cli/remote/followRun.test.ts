import { expect } from "bun:test"
import { Effect, Fiber, Result } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
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

it.effect("does not hurry where a server ends its streams all the time", () =>
  Effect.gen(function* () {
    let streams = 0
    const request = HttpClientRequest.get(url)
    const connection = {
      url,
      behind: () => 0,
      request: () => Effect.die("not used"),
      stream: () =>
        Effect.sync(() => {
          streams += 1
          const headers = { "content-type": "text/event-stream" }
          const event = {
            _tag: "RunStarted",
            seq: streams,
            run: "a",
            time: 0,
            path: "deploy",
            version: 1,
            name: "deploy"
          }
          const body = `id: ${streams}\ndata: ${JSON.stringify(event)}\n\n`
          return HttpClientResponse.fromWeb(request, new Response(body, { headers }))
        }),
      explain: () => new RemoteUnreachable({ url, detail: "" })
    }
    const seen: Array<number> = []
    // Its `stream` answers only this one request, and not every request of the API.
    const fiber = yield* followRun(connection as never, 12, { after: 0 }, ({ seq }) =>
      Effect.sync(() => void seen.push(seq))
    ).pipe(
      Effect.provideService(Notices, { print: () => {}, redirect: () => () => {} }),
      Effect.forkChild({ startImmediately: true })
    )
    for (let count = 0; count < 50; count++) {
      yield* TestClock.adjust("100 millis")
      // The answer's body is a stream of the platform, which needs turns of the real event loop.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    yield* Fiber.interrupt(fiber)
    expect(seen.slice(0, 3)).toEqual([1, 2, 3])
    expect(streams).toBeGreaterThan(3)
    expect(streams).toBeLessThan(30)
  })
)
