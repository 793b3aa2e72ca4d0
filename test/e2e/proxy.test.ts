import { beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import type { Host } from "./Host.ts"
import { done } from "./observe.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const image = "localhost/proxy:1"
beforeAll(() => buildProxyImage(hosts.operator, { name: image }))

/** A project with a service behind the proxy. It publishes no ports. */
const write = (name: string, page: string, proxy: object, top: object = {}) =>
  writeProject(hosts, {
    name,
    image: { page },
    config: {
      proxy: { image, ...top },
      services: { web: { ports: [], health: { running_for: "0s" }, proxy: { port: 80, tls: "off", ...proxy } } }
    }
  })

/** What a server answers to a request: the status and the body. */
const get = async (server: Host, url: string, ...words: ReadonlyArray<string>) => {
  const { host, port, protocol } = new URL(url)
  const to = `${host.split(":")[0]}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`
  const got = await hosts.operator.try([
    ..."curl --silent --show-error --insecure --max-time 10 --write-out".split(" "),
    "\n%{http_code} %{redirect_url}",
    "--connect-to",
    `${to}:${server.ip}:${to.split(":")[1]}`,
    ...words,
    url
  ])
  const lines = got.stdout.trimEnd().split("\n")
  return `${lines.at(-1)?.trim()} ${lines.slice(0, -1).join("\n").trim()}${got.stderr.trim()}`.trim()
}

/** A certificate for some days, with its key. */
const certificate = async (names: string, days: number) => {
  const folder = await hosts.operator.run(["mktemp", "--directory"])
  const [crt, key] = [join(folder, "crt"), join(folder, "key")]
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days ${days} -subj /CN=test`.split(" ")
  await hosts.operator.run(["openssl", ...words, "-keyout", key, "-out", crt, "-addext", `subjectAltName=${names}`])
  return { certificate: await Bun.file(crt).text(), key: await Bun.file(key).text() }
}

/** Removes a project from the proxies, as its last deploy without the proxy does. */
const remove = async (name: string) => {
  const project = writeProject(hosts, {
    name,
    image: { page: "gone" },
    config: { services: { web: { ports: [], health: { running_for: "0s" } } } }
  })
  done(await project.jiji(["deploy"]))
}

/** Deploys, and returns the error of a deploy that must fail. */
const fail = async (project: ReturnType<typeof write>, env: Readonly<Record<string, string>> = {}) => {
  const run = await project.jiji(["deploy"], { env })
  expect(run.code).not.toBe(0)
  return run.stderr
}

/** What a server's proxy has: its container's id and state, and its configuration. */
const proxyOf = async (server: Host) => ({
  id: await server.run([server.engine, "inspect", "--format", "{{.Id}} {{.State.Status}}", "jiji-proxy"]),
  config: await server.run([server.engine, "exec", "jiji-proxy", "cat", "/jiji/caddy.json"])
})

const everyProxy = () => Promise.all(hosts.servers.map(proxyOf))

test("a service behind the proxy is served by host name, and its redeploy needs no reload", async () => {
  done(await write("shop", "one", { hosts: ["shop.test"] }).jiji(["deploy"]))
  for (const server of hosts.servers) {
    expect(await get(server, "http://shop.test/")).toBe("200 one")
    expect(await get(server, "http://other.test/")).toBe("404 404 Not Found")
    const listening = (await server.listeners()).filter(({ process }) => process === "caddy")
    expect(listening).toEqual([{ address: "*", port: 80, process: "caddy" }])
  }
  const before = await everyProxy()
  const again = done(await write("shop", "two", { hosts: ["shop.test"] }).jiji(["deploy"]))
  for (const server of hosts.servers) expect(await get(server, "http://shop.test/")).toBe("200 two")
  expect(await everyProxy()).toEqual(before)
  expect(again.stdout).toContain("h1 proxy: skipped: already up to date")
  const kept = done(await write("shop", "two", { hosts: ["shop.test"] }).jiji(["deploy"]))
  expect(kept.stdout).toContain("h1 route: skipped: already up to date")
})

test("a certificate from secrets serves HTTPS with HTTP/2, and HTTP is redirected to it", async () => {
  const pair = await certificate("DNS:secure.test", 30)
  const project = write("secure", "safe", { hosts: ["secure.test"], tls: { certificate: "CERT", key: "KEY" } })
  const env = { CERT: pair.certificate, KEY: pair.key }
  const run = done(await project.jiji(["deploy"], { env }))
  expect(run.stdout + run.stderr).not.toContain("PRIVATE KEY")
  for (const server of hosts.servers) {
    expect(await get(server, "https://secure.test/")).toBe("200 safe")
    expect(
      await get(server, "https://secure.test/", "--http2", "--output", "/dev/null", "--write-out", "%{http_version}")
    ).toContain("2")
    expect(await get(server, "http://secure.test/x?y")).toBe("308 https://secure.test/x?y")
    expect(await get(server, "http://shop.test/")).toBe("200 two")
    const list = "ls -l /jiji/certs/secure/*.key"
    expect(await server.run([server.engine, "exec", "jiji-proxy", "sh", "-c", list])).toStartWith("-rw-------")
  }
  const soon = await certificate("DNS:secure.test", 10)
  const warned = done(await project.jiji(["deploy"], { env: { CERT: soon.certificate, KEY: soon.key } }))
  expect(warned.stdout).toMatch(/the certificate of web \(CERT\) expires on \d{4}-\d\d-\d\d; replace it before/)

  const before = await everyProxy()
  const other = await certificate("DNS:other.test", 30)
  expect(await fail(project, { CERT: other.certificate, KEY: other.key })).toContain(
    "The certificate of web (CERT with KEY) cannot be used: it is not for secure.test."
  )
  expect(await fail(project, { CERT: pair.certificate, KEY: other.key })).toContain(
    "the key belongs to another certificate"
  )
  expect(await everyProxy()).toEqual(before)
})

test("two projects share a host by path; the same path, another tls or other ports fail before anything changes", async () => {
  const api = { hosts: ["shop.test"], path: "/api" }
  done(await write("api", "api", { ...api, strip: true }).jiji(["deploy"]))
  for (const server of hosts.servers) {
    expect(await get(server, "http://shop.test/api/")).toBe("200 api")
    expect(await get(server, "http://shop.test/")).toBe("200 two")
  }
  const before = await everyProxy()
  const containers = await Promise.all(hosts.servers.map((server) => server.containers()))
  expect(await fail(write("thief", "x", api))).toMatch(
    /shop\.test\/api on h\d already belongs to web of the project api\./
  )
  expect(await fail(write("thief", "x", { hosts: ["shop.test"], path: "/x", tls: "auto" }))).toMatch(
    /shop\.test on h\d has tls: auto here, and tls: off in the project/
  )
  expect(await fail(write("thief", "x", { hosts: ["thief.test"] }, { http: 8080 }))).toMatch(
    /This project wants the ports 8080 and 443 for the proxy of h\d, but the project \w+ uses 80 and 443\./
  )
  expect(await fail(write("thief", "x", { hosts: ["thief.test"] }, { image: "localhost/proxy:2" }))).toMatch(
    /This project wants the image localhost\/proxy:2 for the proxy of h\d, but the project \w+ uses localhost\/proxy:1\./
  )
  expect(await everyProxy()).toEqual(before)
  expect(await Promise.all(hosts.servers.map((server) => server.containers()))).toEqual(containers)
})

test("the entries of a project go when its service is no longer behind the proxy", async () => {
  await remove("api")
  for (const server of hosts.servers) {
    expect(await get(server, "http://shop.test/api/")).toStartWith("404 ")
    expect(await get(server, "http://shop.test/")).toBe("200 two")
    const list = "ls /jiji/sites /jiji/up"
    expect(await server.run([server.engine, "exec", "jiji-proxy", "sh", "-c", list])).not.toContain("api")
  }
})

test("a proxy that was stopped or removed comes back with the next deploy, and serves all projects again", async () => {
  const [h1, h2] = hosts.servers
  if (h1 === undefined || h2 === undefined) throw new Error("there are two servers")
  await h1.run([h1.engine, "stop", "jiji-proxy"])
  await h2.run([h2.engine, "rm", "--force", "jiji-proxy"])
  const run = done(await write("shop", "three", { hosts: ["shop.test"] }).jiji(["deploy"]))
  expect(run.stdout).toContain("the proxy was started")
  for (const server of hosts.servers) {
    expect(await get(server, "http://shop.test/")).toBe("200 three")
    expect(await get(server, "https://secure.test/")).toBe("200 safe")
  }
})

test("an image without what the proxy needs is rejected, and the old proxy keeps running", async () => {
  const before = await everyProxy()
  // The only project that names an image may change it.
  done(await write("secure", "safe", { hosts: ["secure.test"] }, { image: undefined }).jiji(["deploy"]))
  const lacking = [
    { name: "localhost/proxy:no-sh", without: ["sh"], reason: "it has no sh" },
    { name: "localhost/proxy:no-caddy", without: ["caddy"], reason: "it has no caddy" },
    { name: "localhost/proxy:old", version: "2.6.2", reason: "it has Caddy v2.6.2, and 2.8 or later is needed" }
  ]
  for (const { reason, ...options } of lacking) {
    await buildProxyImage(hosts.operator, options)
    const error = await fail(write("shop", "four", { hosts: ["shop.test"] }, { image: options.name }))
    expect(error).toMatch(new RegExp(`${options.name} cannot be the proxy of h\\d: ${reason}\\.`))
  }
  const after = await everyProxy()
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  for (const server of hosts.servers) expect(await get(server, "http://shop.test/")).toBe("200 three")
})

test("a port that something else holds is an error that names it", async () => {
  const [h1, h2] = hosts.servers
  if (h1 === undefined || h2 === undefined) throw new Error("there are two servers")
  await h1.run(["busybox", "httpd", "-p", "8088", "-h", "/tmp"])
  const project = (server: string) =>
    writeProject(hosts, {
      name: "shop",
      image: { page: "five" },
      config: {
        proxy: { image, http: 8088, https: 8443 },
        services: {
          web: {
            ports: [],
            hosts: [server],
            health: { running_for: "0s" },
            proxy: { hosts: ["shop.test"], port: 80, tls: "off" }
          }
        }
      }
    })
  await remove("secure")
  expect(await fail(project("h1"))).toMatch(
    /The proxy needs port 8088 of h1, but busybox \(process \d+\) already listens there\./
  )
  const holder = writeProject(hosts, {
    name: "holder",
    image: { page: "x" },
    config: { services: { web: { ports: ["8088:80"], hosts: ["h2"] } } }
  })
  done(await holder.jiji(["deploy"]))
  expect(await fail(project("h2"))).toContain(
    "The proxy needs port 8088 of h2, but the container holder-web already listens there."
  )
  for (const server of hosts.servers) expect(await get(server, "http://shop.test/")).toBe("200 three")
})
