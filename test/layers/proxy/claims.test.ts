import { describe, expect, test } from "bun:test"
import { findClash, imageFor } from "../../../src/layers/proxy/claims.ts"
import type { ProjectSites } from "../../../src/layers/proxy/sites.ts"
import { projectSites, site } from "./sites.ts"

const clash = (ours: ProjectSites, ...all: ReadonlyArray<ProjectSites>) => findClash("web1", ours, all)?.message
const blog = projectSites("blog", [site("web", ["blog.test", "shop.test"], { path: "/blog" })])

describe("a project clashes with another one", () => {
  test("that has the same host and path", () => {
    const ours = projectSites("shop", [site("api", ["shop.test"], { path: "/blog" })])
    expect(clash(ours, blog)).toBe("shop.test/blog on web1 already belongs to web of the project blog.")
  })
  test("that has another kind of tls for a host", () => {
    const ours = projectSites("shop", [site("web", ["shop.test"], { tls: "off" })])
    expect(clash(ours, blog)).toContain("shop.test on web1 has tls: off here, and tls: auto in the project blog.")
  })
  test("that wants other ports", () => {
    const ours = projectSites("shop", [site("web", ["shop.test"])], { http: 8080 })
    expect(clash(ours, blog)).toContain("the ports 8080 and 443 for the proxy of web1")
  })
  test("that names another image", () => {
    const ours = projectSites("shop", [site("web", ["shop.test"])], { image: "caddy:2.12.0" })
    expect(clash(ours, { ...blog, image: "own/caddy" })).toContain("wants the image caddy:2.12.0")
    expect(clash(ours, blog)).toBeUndefined()
  })
})

describe("a project clashes with no other", () => {
  test("that has another path of the host", () => {
    expect(clash(projectSites("shop", [site("web", ["shop.test"])]), blog)).toBeUndefined()
  })
  test("if it is the same project", () => {
    expect(clash({ ...blog, http: 8080 }, blog)).toBeUndefined()
  })
})

describe("the image of the proxy", () => {
  test("is the one that the project names", () => {
    expect(imageFor("own:1", [{ ...blog, image: "own:2" }], "caddy:2.11.4", "caddy:2.11.4")).toBe("own:1")
  })
  test("is the one that another project names, if this one names none", () => {
    expect(imageFor(undefined, [{ ...blog, image: "own:2" }], "own:2", "caddy:2.11.4")).toBe("own:2")
  })
  test("is the default, unless a newer jiji has brought a newer one", () => {
    expect(imageFor(undefined, [blog], undefined, "caddy:2.11.4")).toBe("caddy:2.11.4")
    expect(imageFor(undefined, [blog], "caddy:2.9.10", "caddy:2.11.4")).toBe("caddy:2.11.4")
    expect(imageFor(undefined, [blog], "caddy:2.12.0", "caddy:2.11.4")).toBe("caddy:2.12.0")
    expect(imageFor(undefined, [blog], "own:2", "caddy:2.11.4")).toBe("caddy:2.11.4")
  })
})
