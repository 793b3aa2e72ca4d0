import { describe, expect } from "bun:test"
import { Duration, Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"

const proxy = "proxy: { hosts: [shop.example.com], port: 80 }"
const service = (...lines: ReadonlyArray<string>) => smallest + lines.map((line) => `    ${line}\n`).join("")
const healthOf = (...lines: ReadonlyArray<string>) =>
  Effect.map(loadText(service(proxy, ...lines)), ({ services }) => services[0]?.health.request)

describe("the health of a service behind the proxy", () => {
  it.live("is asked for at a path, with statuses and an interval", () =>
    Effect.gen(function* () {
      expect(yield* healthOf()).toBeUndefined()
      const usual = { path: "/up", status: { from: 200, to: 399 }, interval: Duration.seconds(1) }
      expect(yield* healthOf("health: { path: /up }")).toEqual(usual)
      expect(yield* healthOf("health: { path: /up?a=b, status: 204, interval: 250ms }")).toEqual({
        path: "/up?a=b",
        status: { from: 204, to: 204 },
        interval: Duration.millis(250)
      })
      expect(yield* healthOf("health: { path: /, status: 200-204 }")).toMatchObject({ status: { from: 200, to: 204 } })
    })
  )

  it.live("has a path that fits into a request, and statuses that exist", () =>
    Effect.gen(function* () {
      const path = "9 services.web.health.path: must be a path that starts with /, without spaces and #"
      for (const wrong of ["up", "/a b", "/a#b", "/a\\r\\nHost: x", "/ä"]) {
        const [problem] = yield* problemsOf(service(proxy, `health: { path: "${wrong}" }`))
        expect(problem).toStartWith(path)
      }
      const status = (value: string) => problemsOf(service(proxy, `health: { path: /up, status: ${value} }`))
      expect(yield* status("ok")).toEqual([
        "9 services.web.health.status: must be an HTTP status such as 204, or a range such as 200-399"
      ])
      expect((yield* status("600")).length).toBe(1)
      expect(yield* status("399-200")).toEqual([
        "9 services.web.health.status: must begin with the lower status: 200-399"
      ])
    })
  )

  it.live("needs the proxy, and so does `drain`", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf(service("health: { path: /up }", "drain: 5s"))).toEqual([
        "8 services.web.health.path: needs proxy, which asks for it",
        "9 services.web.drain: needs proxy, which moves requests"
      ])
      expect(yield* problemsOf(service(proxy, "health: { status: 204, interval: 2s }"))).toEqual([
        "9 services.web.health.status: needs path beside it",
        "9 services.web.health.interval: needs path beside it"
      ])
      const { services } = yield* loadText(service(proxy, "drain: 5s"))
      expect(services[0]?.drain).toEqual(Duration.seconds(5))
    })
  )
})
