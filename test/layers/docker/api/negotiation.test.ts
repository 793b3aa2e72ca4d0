import { expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../../support/effect.ts"
import { untilEffect } from "../../../support/waiting.ts"
import * as FakeApi from "./FakeApi.ts"
import * as OnServer from "./onServer.ts"

const { version } = FakeApi

/** What an engine answers, and the version of the API that jiji then uses, or why it uses docker's client. */
const answers = [
  ["the oldest version", version, "20.10.24, API 1.41"],
  ["a version in between", { ...version, Version: "25.0.3", ApiVersion: "1.44" }, "25.0.3, API 1.44"],
  ["the newest version", { ...version, Version: "28.5.1", ApiVersion: "1.51" }, "28.5.1, API 1.51"],
  [
    "a newer version that also speaks one jiji knows",
    { ...version, Version: "29.0.0", ApiVersion: "1.60", MinAPIVersion: "1.44" },
    "29.0.0, API 1.51"
  ],
  ["a newer version that speaks none jiji knows", { ...version, ApiVersion: "1.60", MinAPIVersion: "1.52" }, "new"],
  ["an older version", { ...version, ApiVersion: "1.40" }, "old"],
  ["a version that is a number", { ...version, ApiVersion: 1.41 }, "answer"],
  ["nonsense for a version", { ...version, ApiVersion: "1.41/../.." }, "answer"],
  ["nonsense for the oldest version", { ...version, MinAPIVersion: "x" }, "answer"],
  ["a name that is not a version", { ...version, Version: "20.10\u001b[31m" }, "answer"],
  ["no versions", {}, "answer"],
  ["a list", [], "answer"],
  ["podman", { ...version, Components: [{ Name: "Podman Engine", Version: "4.3.1" }] }, "podman"]
] as const

it.live("uses the newest version that both sides speak, or docker's client", () =>
  Effect.gen(function* () {
    const on = yield* OnServer.make()
    for (const [name, about, expected] of answers) {
      on.api.handle(FakeApi.docker({ version: about }))
      const { api, apiUnusable, version } = yield* OnServer.probe(on)
      const found = apiUnusable === undefined ? `${version}, API ${api}` : apiUnusable
      expect({ [name]: found }).toEqual({ [name]: expected })
      if (apiUnusable !== undefined) expect(version).toBe("9.9")
    }
    // None of them left a stream open but the last that could be used.
    expect(yield* untilEffect(on.api.open, (open) => open <= 1)).toBeLessThanOrEqual(1)
  })
)

it.live("asks for what it knows in the version that both sides speak", () =>
  Effect.gen(function* () {
    const about = { ...version, ApiVersion: "1.60", MinAPIVersion: "1.44" }
    const on = yield* OnServer.make({ handler: FakeApi.docker({ version: about, containers: ["web"] }) })
    const { containers } = yield* OnServer.probe(on)
    expect(containers.map(({ name, running, service }) => ({ name, running, service }))).toEqual([
      { name: "shop-web", running: true, service: "web" }
    ])
    expect(on.api.requests()).toEqual(["GET /version", "GET /v1.51/containers/json", "GET /v1.51/containers/web/json"])
  })
)
