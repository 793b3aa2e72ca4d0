import { afterEach, beforeAll, expect, test } from "bun:test"
import type { Result } from "./Command.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import type { Fault } from "./registryFront.ts"
import { type RemoteRegistry, startRemoteRegistry } from "./RemoteRegistry.ts"
import { withApiOnly, withHosts } from "./withHosts.ts"

let registry: RemoteRegistry
const env = { TOKEN: "p4ss-word" }

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  registry = await startRemoteRegistry(hosts, { username: "me", password: env.TOKEN })
})
afterEach(() => registry.repair())

const write = (server: string, name = "shop") =>
  writeProject(hosts, {
    name,
    // A new page each time, so that there is something to push and pull.
    image: { page: crypto.randomUUID(), megabytes: 1 },
    config: {
      builder: { registry: { type: "remote", server, username: "me", password: "TOKEN" } },
      services: { web: { health: { running_for: "0s" } } }
    }
  })

/** Deploys while the registry misbehaves. */
const deploy = (fault: Fault, ...args: ReadonlyArray<string>): Promise<Result> => {
  registry.breakDown(fault)
  return write("ghcr.io").jiji(["deploy", ...args], { env })
}

/** An error in the form that registries use. */
const says = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] })

const upload = "^POST ghcr.io/.*/uploads/"
const pull = "^(GET|HEAD) ghcr.io/.*/manifests/sha256"

withApiOnly(() => {
  test("explains what GHCR requires when a token may not push", async () => {
    const run = await deploy({ on: upload, status: 403, body: says("DENIED", "permission_denied: write_package") })
    expect(run.code).toBe(77)
    expect(run.stderr).toContain("(403 Forbidden): denied: permission_denied: write_package")
    expect(run.stderr).toContain("`write:packages` and `read:packages`")
    expect(run.stderr).toContain("`username` is your GitHub user or organization")
    expect(run.stderr).toContain("the package exists or the token may create it")
    expect(run.stdout).not.toContain("retrying")
  })

  test("does not retry a push when the login is rejected", async () => {
    const run = await deploy({ on: upload, status: 401 }, "-H", "h1")
    expect(run.code).toBe(77)
    expect(run.stderr).toContain("The registry requires a valid login for ghcr.io/me/shop/web:")
    expect(run.stdout).not.toContain("retrying")
  })

  test("waits as long as a rate-limiting registry asks, then continues", async () => {
    const body = says("TOOMANYREQUESTS", "retry-after: 1.2s, allowed: 44000/minute")
    const run = done(await deploy({ on: "^PUT ghcr.io/.*/manifests/", status: 429, body, times: 1 }, "-H", "h1"))
    expect(run.stdout).toContain("web push: warning: the registry's rate limit was reached; retrying in 2 s (1 of 3)")
  })

  test("a brief registry error does not fail the deploy", async () => {
    const run = done(await deploy({ on: "^PUT ghcr.io/.*/manifests/", status: 503, times: 1 }, "-H", "h1"))
    expect(run.stdout).toContain("web push: warning: the registry reported an internal error; retrying in 1 s (1 of 3)")
  })

  test("a connection that breaks during an upload does not fail the deploy", async () => {
    done(await deploy({ on: "^PATCH ghcr.io/", drop: 200_000, times: 1 }, "-H", "h1"))
    const last = done(await deploy({ on: "^PUT ghcr.io/.*/manifests/", drop: 1, times: 1 }, "-H", "h1"))
    expect(last.stdout).toContain("web push: warning: the connection to the registry was lost; retrying in 1 s")
  })
})

test("reports a registry's error on the server where it happened, with both engines", async () => {
  const limit = says("TOOMANYREQUESTS", "You have reached your pull rate limit.")
  const limited = await deploy({ on: pull, status: 429, body: limit }, "-H", "h1")
  expect(limited.code).toBe(69)
  expect(limited.stderr).toContain("received too many requests from h1 (429)")
  expect(limited.stderr).toContain("pulls over six hours")
  const gone = await deploy({ on: pull, status: 404, body: says("MANIFEST_UNKNOWN", "manifest unknown") })
  expect(gone.code).toBe(1)
  expect(gone.stderr).toMatch(/The registry has no image ghcr.io\/me\/shop\/web@sha256:\w+ \(requested from h1\)/)
  expect(gone.stderr).toMatch(/The registry has no image ghcr.io\/me\/shop\/web@sha256:\w+ \(requested from h2\)/)
})

test("gives up a registry that keeps failing, on every machine", async () => {
  registry.breakDown({ on: "^GET ghcr.io/v2/$", status: 500 })
  const run = await write("ghcr.io").jiji(["registry", "login"], { env })
  expect(run.code).toBe(69)
  for (const machine of ["this machine", "h1", "h2"]) {
    expect(run.stderr).toContain(`answered a request from ${machine} with a server error`)
  }
  expect(run.stdout).toContain("(3 of 3)")
})

test("tells apart an untrusted certificate, plain HTTP and an unknown name", async () => {
  const { operator } = hosts
  const login = (server: string, name: string) => write(server, name).jiji(["registry", "login"], { env })
  const open = async (script: string) => {
    const running = operator.start([process.execPath, "-e", script])
    await running.waitFor("listening")
    return running
  }
  const files = `${hosts.folder}/remote`
  const tls = `{ cert: Bun.file("${files}/token.pem"), key: Bun.file("${files}/token.key") }`
  const serve = (port: number, more: string) =>
    open(
      `Bun.serve({ hostname: "${operator.ip}", port: ${port}, ${more} fetch: () => new Response("") }); console.log("listening")`
    )
  await Promise.all([serve(8443, `tls: ${tls},`), serve(8080, "")])

  const [untrusted, plain, nowhere] = await Promise.all([
    login(`${operator.ip}:8443`, "untrusted"),
    login(`${operator.ip}:8080`, "plain"),
    login("no-such-registry.invalid", "nowhere")
  ])
  expect([untrusted.code, plain.code, nowhere.code]).toEqual([69, 69, 69])
  for (const where of ["on this machine", "on h1", "on h2"]) {
    expect(untrusted.stderr).toContain(`The certificate of ${operator.ip}:8443 is not trusted ${where}`)
    expect(plain.stderr).toContain(`${operator.ip}:8080 answers over plain HTTP`)
    expect(nowhere.stderr).toContain(`The host name no-such-registry.invalid cannot be resolved ${where}`)
  }
  expect(untrusted.stderr).toContain(`/etc/docker/certs.d/${operator.ip}:8443/ca.crt`)
  for (const { stdout } of [untrusted, plain, nowhere]) expect(stdout).not.toContain("retrying")
})
