import { describe, expect, test } from "bun:test"
import { Database } from "bun:sqlite"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { commands, commandWords } from "../../src/serve/page/browser/commands.ts"
import { pageScript } from "../../src/serve/page/bundle.ts"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { makeServer, property, type Server, start } from "./server.ts"

compileFirst()

/** What the page's own requests have. */
const fromPage = { "jiji-page": "1", "sec-fetch-site": "same-origin" }

/** Signs in as the page does. */
const signIn = (server: Server, token: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/session`, {
    method: "POST",
    headers: { ...fromPage, "content-type": "application/json", ...headers },
    body: JSON.stringify({ token })
  })

/** The cookie that an answer sets, as a browser sends it back. */
const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(";")[0] ?? ""

const statusOf = async (server: Server, path: string, init: RequestInit): Promise<number> => {
  const response = await fetch(`${server.url}${path}`, init)
  await response.body?.cancel()
  return response.status
}

test("the page's script is small: none of effect is in it, and bin/build can pass it on", async () => {
  expect((await pageScript()).length).toBeLessThan(100_000)
})

describe("the page of jiji serve", () => {
  test("is served with its files, and forbids everything that it does not need", async () => {
    using folder = makeServer()
    const server = await folder.serve()
    const response = await fetch(server.url)
    const html = await response.text()
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": expect.stringContaining("text/html"),
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types jiji",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin"
    })
    // Nothing inline, and no address that leaves the path below which a proxy serves it.
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|style=|\son\w+=/)
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address = ""]) => address)
    expect(addresses.filter((address) => !/^(page\/|data:)/.test(address))).toEqual([])
    for (const address of addresses.filter((each) => each.startsWith("page/"))) {
      const file = await fetch(`${server.url}/${address}`)
      expect([file.status, file.headers.get("cache-control"), (await file.text()).length > 1000]).toEqual([
        200,
        "public, max-age=31536000, immutable",
        true
      ])
    }
    expect(await statusOf(server, "/page/other.js", {})).toBe(404)
    expect((await fetch(`${server.url}/api/openapi.json`)).headers.get("content-security-policy")).toBe(
      "default-src 'none'; frame-ancestors 'none'"
    )
  }, 60_000)

  test("signs in with a token, and out again", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "run")
    const server = await folder.serve()
    const response = await signIn(server, ` ${token}\n`)
    expect(await response.json()).toEqual({
      name: "ann",
      role: "run",
      allows: expect.arrayContaining(["look", "run"]),
      version: expect.any(String)
    })
    const [set = ""] = response.headers.getSetCookie()
    expect(set.split("; ").toSorted()).toEqual([
      "HttpOnly",
      "Max-Age=604800",
      "SameSite=Strict",
      expect.stringMatching(/^jiji_session=[\w-]{43}$/)
    ])
    const cookie = cookieOf(response)
    const headers = { ...fromPage, cookie }
    expect(await statusOf(server, "/session", { headers })).toBe(200)
    expect(await statusOf(server, "/api/projects", { headers })).toBe(200)
    // The database has only its hash.
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    for (const each of [file, `${file}-wal`])
      expect(readFileSync(each, "latin1")).not.toContain(cookie.split("=")[1] ?? "")
    const out = await fetch(`${server.url}/session`, { method: "DELETE", headers })
    expect(out.headers.getSetCookie()[0]).toMatch(/^jiji_session=; Max-Age=0/)
    expect(await statusOf(server, "/api/projects", { headers })).toBe(401)
    expect((await signIn(server, `${token.slice(0, -2)}xx`)).status).toBe(401)
    expect((await signIn(server, "")).status).toBe(401)
    // Behind HTTPS.
    for (const more of [{ origin: "https://jiji.example.com" }, { "x-forwarded-proto": "https" }]) {
      expect((await signIn(server, token, more)).headers.getSetCookie()[0]).toContain("; Secure")
    }
  }, 60_000)

  test("never takes a session's cookie from another site", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "administer")
    const server = await folder.serve()
    const cookie = cookieOf(await signIn(server, token))
    const start = (headers: Record<string, string>) =>
      statusOf(server, "/api/runs", {
        method: "POST",
        headers: { cookie, "content-type": "application/json", ...headers },
        body: JSON.stringify({ project: "shop", pipeline: "hello", input: { name: "x" } })
      })
    expect(await start({})).toBe(401)
    expect(await start({ ...fromPage, "sec-fetch-site": "cross-site" })).toBe(401)
    expect(await start({ ...fromPage, "sec-fetch-site": "same-site" })).toBe(401)
    expect(await start({ "sec-fetch-site": "same-origin" })).toBe(401)
    // As a form of another site sends it.
    expect(await start({ "content-type": "text/plain", origin: "https://evil.example" })).toBe(401)
    for (const path of ["/api/projects", "/api/runs", "/session/changes"]) {
      const denied = [401, 403]
      expect(denied).toContain(await statusOf(server, path, { headers: { cookie } }))
      expect(denied).toContain(
        await statusOf(server, path, { headers: { cookie, ...fromPage, "sec-fetch-site": "cross-site" } })
      )
    }
    expect((await signIn(server, token, { "sec-fetch-site": "cross-site" })).status).toBe(403)
    expect(
      await statusOf(server, "/session", { method: "DELETE", headers: { cookie, "sec-fetch-site": "same-origin" } })
    ).toBe(403)
    // No answer lets another site read it or send the header.
    const preflight = await fetch(`${server.url}/api/runs`, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-headers": "jiji-page" }
    })
    expect([...preflight.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([])
    expect((await server.request(token, "/api/runs")).body).toEqual([])
    // From the page, also in a browser that does not say where a request comes from.
    expect(await start(fromPage)).toBe(202)
    expect(await start({ "jiji-page": "1" })).toBe(202)
  }, 60_000)

  test("a session can do what its token can, and ends with it, as do its streams", async () => {
    using folder = makeServer()
    const server = await folder.serve()
    const look = folder.token("guest", "look")
    const cookie = cookieOf(await signIn(server, look))
    const headers = { ...fromPage, cookie }
    const startHello = () =>
      statusOf(server, "/api/runs", {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify({ project: "shop", pipeline: "hello", input: { name: "x" } })
      })
    expect(await startHello()).toBe(403)
    const stream = await fetch(`${server.url}/session/changes`, { headers })
    expect(stream.headers.get("content-type")).toContain("text/event-stream")
    folder.jiji("token", "revoke", "guest")
    expect(await statusOf(server, "/session", { headers })).toBe(204)
    expect(await startHello()).toBe(401)
    // Ends although nothing else does.
    expect(await stream.text()).toStartWith("data: []\n\n")
    using db = new Database(join(folder.root, ".local/state/jiji/serve.sqlite"))
    expect(db.query("SELECT * FROM sessions").all()).toEqual([])
  }, 60_000)

  test("signing out ends the streams of a session, and no others", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "run")
    const server = await folder.serve()
    const [cookie, other] = [cookieOf(await signIn(server, token)), cookieOf(await signIn(server, token))]
    await start(server, token, { project: "shop", command: ["run", "gate"] })
    const paths = ["/session/changes", "/api/runs/1/events"]
    const follow = (cookie: string) =>
      Promise.all(paths.map((path) => fetch(`${server.url}${path}`, { headers: { ...fromPage, cookie } })))
    const [mine, others] = [await follow(cookie), await follow(other)]
    await fetch(`${server.url}/session`, { method: "DELETE", headers: { ...fromPage, cookie } })
    // They end although the run goes on.
    for (const stream of mine) expect(await stream.text()).not.toContain("RunSucceeded")
    folder.write("shop/go", "")
    expect(await others[1]?.text()).toContain("RunSucceeded")
    await others[0]?.body?.cancel()
  }, 60_000)

  test("a session ends after a week, and a token has few of them", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "look")
    const server = await folder.serve()
    const cookies: Array<string> = []
    for (let count = 0; count < 25; count++) cookies.push(cookieOf(await signIn(server, token)))
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    using db = new Database(file)
    expect(db.query("SELECT count(*) AS count FROM sessions").get()).toEqual({ count: 20 })
    const headers = { ...fromPage, cookie: cookies.at(-1) ?? "" }
    expect(await statusOf(server, "/session", { headers })).toBe(200)
    db.run("UPDATE sessions SET expires = expires - 7 * 24 * 60 * 60 * 1000")
    expect(await statusOf(server, "/session", { headers })).toBe(204)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  }, 60_000)

  test("limits wrong tokens by address, and still takes good ones", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "look")
    const server = await folder.serve()
    const wrong = (address: string) =>
      server.request("wrong", "/api/projects", { headers: { "x-forwarded-for": address } })
    for (let count = 0; count < 20; count++) expect((await wrong("203.0.113.9")).status).toBe(401)
    expect(await wrong("203.0.113.9")).toMatchObject({
      status: 429,
      message: "Too many wrong tokens came from this address. Try again in a minute."
    })
    const more = { "x-forwarded-for": "198.51.100.1, 203.0.113.9" }
    const limited = await signIn(server, "wrong", more)
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "60"])
    // Only the last address is one that the proxy has seen itself.
    expect((await wrong("203.0.113.9, 198.51.100.1")).status).toBe(401)
    expect((await signIn(server, token, more)).status).toBe(200)
    // One customer has a whole network of IPv6 addresses.
    for (let count = 0; count < 21; count++) await wrong(`2001:db8:1:2::${count}`)
    expect((await wrong("2001:db8:1:2:ffff::1")).status).toBe(429)
    expect((await wrong("2001:db8:1:3::1")).status).toBe(401)
  }, 60_000)

  test("its forms make commands that the server takes", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "administer")
    const server = await folder.serve()
    await start(server, token, { project: "shop", command: ["run", "gate"] })
    for (const form of commands) {
      const entries = form.fields.map(
        ({ choices, label }) =>
          choices?.[0] ?? (label === "Environment" ? "staging" : label === "Version" ? "v1" : "web")
      )
      const words = commandWords(form, entries, [])
      // They wait for the run before.
      expect(await server.request(token, "/api/runs", { json: { project: "shop", command: words } })).toMatchObject({
        status: 202,
        body: { command: words, status: "queued" }
      })
    }
  }, 60_000)

  test("streams each run that changes", async () => {
    using folder = makeServer()
    const token = folder.token("ann", "run")
    const server = await folder.serve()
    const headers = { ...fromPage, cookie: cookieOf(await signIn(server, token)) }
    const abort = new AbortController()
    const stream = await fetch(`${server.url}/session/changes`, { headers, signal: abort.signal })
    const seen: Array<string> = []
    const texts: Array<string> = []
    const reading = (async () => {
      const decoder = new TextDecoder()
      for await (const chunk of stream.body ?? []) {
        for (const frame of decoder.decode(chunk).split("\n\n")) {
          if (!frame.startsWith("data: ")) continue
          const runs: ReadonlyArray<unknown> = JSON.parse(frame.slice(6))
          for (const run of runs) {
            seen.push(`${String(property(run, "id"))} ${String(property(run, "status"))}`)
            texts.push(JSON.stringify(run))
          }
        }
      }
    })().catch(() => {})
    await start(server, token, { project: "shop", command: ["run", "gate"] })
    await until(() => seen.includes("1 running"))
    folder.write("shop/go", "")
    await until(() => seen.includes("1 succeeded"))
    abort.abort()
    await reading
    // Nothing comes twice.
    expect(new Set(texts).size).toBe(texts.length)
  }, 60_000)
})
