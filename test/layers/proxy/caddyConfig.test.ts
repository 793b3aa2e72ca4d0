import { describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { caddyConfig, caddyJson, portsOf } from "../../../src/layers/proxy/caddyConfig.ts"
import { projectSites, site } from "./sites.ts"

const hash = "4f2ebd2e".repeat(8)

/** The routes of a server, as `host path -> what it does`. */
const routes = (sites: Parameters<typeof caddyConfig>[0], server: "http" | "https") =>
  (caddyConfig(sites).apps.http.servers[server]?.routes ?? []).map(({ handle, match }) => {
    const [{ host = [], path = [] } = {}] = match ?? []
    return `${[...host, ...path].join(" ")} -> ${handle.map(({ handler }) => handler).join(", ")}`
  })

test("names the file of each replica as its upstream, and tries others before it gives up", () => {
  const config = caddyConfig([projectSites("shop", [site("web", ["shop.test"], { replicas: 2 })])])
  const [route] = config.apps.http.servers["https"]?.routes ?? []
  const [proxy] = route?.handle ?? []
  expect(proxy).toMatchObject({
    handler: "reverse_proxy",
    upstreams: [{ dial: "{file./jiji/up/shop/web-1}" }, { dial: "{file./jiji/up/shop/web-2}" }],
    load_balancing: { try_duration: "5s" },
    health_checks: { passive: { max_fails: 1 } },
    transport: { response_header_timeout: "60000ms" }
  })
})

test("an only replica gets requests even after one has failed", () => {
  expect(caddyJson([projectSites("shop", [site("web", ["shop.test"])])])).not.toContain("health_checks")
})

test("serves longer paths first, and names before wildcards", () => {
  const sites = [
    projectSites("shop", [
      site("any", ["*.shop.test"], { tls: "off", path: "/x" }),
      site("web", ["shop.test", "a.shop.test"], { tls: "off" }),
      site("api", ["shop.test"], { tls: "off", path: "/api", strip: true, maxBody: 1024 })
    ]),
    projectSites("blog", [site("v2", ["shop.test"], { tls: "off", path: "/api/v2" })])
  ]
  expect(routes(sites, "http")).toEqual([
    "a.shop.test -> reverse_proxy",
    "shop.test /api/v2 /api/v2/* -> reverse_proxy",
    "shop.test /api /api/* -> request_body, rewrite, headers, reverse_proxy",
    "shop.test -> reverse_proxy",
    "*.shop.test /x /x/* -> reverse_proxy",
    " -> static_response"
  ])
  expect(routes(sites, "https")).toEqual([])
})

test("redirects hosts with certificates to HTTPS, with the port if it is another one", () => {
  const redirect = (https: number) => caddyJson([projectSites("shop", [site("web", ["shop.test"])], { https })])
  expect(redirect(443)).toContain('"Location":["https://{http.request.host}{http.request.uri}"]')
  expect(redirect(8443)).toContain('"Location":["https://{http.request.host}:8443{http.request.uri}"]')
  expect(routes([projectSites("shop", [site("web", ["shop.test"])])], "http")).toEqual([
    "shop.test -> static_response",
    " -> static_response"
  ])
})

test("each project's names get certificates from its own authority; a name in two projects from the first", () => {
  const sites = [
    projectSites("shop", [site("web", ["shop.test", "www.test"])], { acme: "https://ca.test/dir" }),
    projectSites("blog", [site("web", ["blog.test", "shop.test"], { path: "/blog" })], { email: "ops@blog.test" })
  ]
  expect(caddyConfig(sites).apps.tls).toMatchObject({
    automation: {
      policies: [
        { subjects: ["blog.test", "shop.test"], issuers: [{ module: "acme", email: "ops@blog.test" }] },
        { subjects: ["www.test"], issuers: [{ module: "acme", ca: "https://ca.test/dir" }] }
      ]
    }
  })
})

test("a certificate of one's own is loaded, and none is asked for", () => {
  const config = caddyConfig([projectSites("shop", [site("web", ["shop.test"], { tls: { certificate: hash } })])])
  expect(config.apps.tls).toEqual({
    automation: { policies: [] },
    certificates: {
      load_files: [{ certificate: `/jiji/certs/shop/${hash}.crt`, key: `/jiji/certs/shop/${hash}.key` }]
    }
  })
  expect(config.apps.http.servers["https"]?.automatic_https).toMatchObject({ skip_certificates: ["shop.test"] })
})

test("does not depend on the order of the projects, so that the proxy is not reloaded for nothing", () => {
  const [a, b] = [projectSites("a", [site("web", ["a.test"])]), projectSites("b", [site("web", ["b.test"])])]
  expect(caddyJson([a, b])).toBe(caddyJson([b, a]))
})

describe("listens", () => {
  test("on nothing without sites", () => expect(portsOf([])).toEqual([]))
  test("not for HTTPS if no site has it", () => {
    expect(portsOf([projectSites("shop", [site("web", ["shop.test"], { tls: "off" })])])).toEqual([80])
  })
  test("on the project's ports", () => {
    const ports = { http: 8080, https: 8443 }
    expect(portsOf([projectSites("shop", [site("web", ["shop.test"])], ports)])).toEqual([8080, 8443])
  })
})

test("is plain JSON, with the admin endpoint on a socket only", () => {
  const Admin = Schema.Struct({ admin: Schema.Struct({ listen: Schema.String }) })
  const { admin } = Schema.decodeSync(Schema.fromJsonString(Admin))(caddyJson([]))
  expect(admin.listen).toBe("unix//run/jiji/admin.sock")
})
