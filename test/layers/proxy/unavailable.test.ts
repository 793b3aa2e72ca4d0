import { expect, test } from "bun:test"
import { caddyConfig } from "../../../src/layers/proxy/caddyConfig.ts"
import { projectSites, site } from "./sites.ts"

/** What the proxy does with a request for `shop.test`. */
const handlers = (more: Parameters<typeof site>[2]) => {
  const sites = [projectSites("shop", [site("web", ["shop.test"], { tls: "off", path: "/api", ...more })])]
  const [route] = caddyConfig(sites).apps.http.servers["http"]?.routes ?? []
  return { match: route?.match, handle: route?.handle }
}

const headers = (type: string) => ({
  "Retry-After": ["60"],
  "Cache-Control": ["no-store"],
  "Content-Type": [`text/${type}; charset=utf-8`]
})

test("a stopped service is answered with 503 on its own paths only", () => {
  expect(handlers({ stopped: true })).toEqual({
    match: [{ host: ["shop.test"], path: ["/api", "/api/*"] }],
    handle: [
      {
        handler: "static_response",
        status_code: 503,
        headers: headers("plain"),
        body: "503 Service Unavailable\n"
      }
    ]
  })
})

test("a maintenance shows its page as it is: Caddy replaces nothing in it", () => {
  const body = "<style>a{b:c}</style>{env.SECRET} \\{x\\}"
  expect(handlers({ maintenance: { body, html: true }, stopped: true }).handle).toEqual([
    {
      handler: "static_response",
      status_code: 503,
      headers: headers("html"),
      body: "<style>a\\{b:c\\}</style>\\{env.SECRET\\} \\\\{x\\\\}"
    }
  ])
  // Without a `{`, Caddy does not look for backslashes either.
  expect(handlers({ maintenance: { body: "back} \\} soon", html: false } }).handle).toMatchObject([
    { body: "back} \\} soon" }
  ])
})
