import { describe, expect, test } from "bun:test"
import { isLoopback } from "../../../src/layers/registry/Loopback.ts"
import { program } from "../../support/program.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

const port = 20_000 + (process.pid % 10_000)
const files = (registry: string) => ({
  ".jiji/deploy.yml": `project: shop
builder: { registry: { ${registry} } }
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1] } }
`
})
const builtin = files(`type: local, port: ${port}`)

/** Starts `jiji registry serve` and waits for its first output. */
const serve = async (shop: ReturnType<typeof project>) => {
  const child = Bun.spawn([program, "registry", "serve"], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const first = await child.stdout.getReader().read()
  return { child, stdout: new TextDecoder().decode(first.value) }
}

describe("jiji registry serve", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    test(`serves until ${signal}, and leaves no file behind`, async () => {
      using shop = project(builtin)
      const { child, stdout } = await serve(shop)
      expect(stdout).toStartWith(`Serving the local registry at http://localhost:${port}/v2/`)
      expect(stdout).toContain(`ssh -R 127.0.0.1:${port}:127.0.0.1:${port} `)
      expect(await (await fetch(`http://localhost:${port}/v2/`)).text()).toBe("{}")
      const status = shop.jiji(["registry", "status"])
      expect(status.stdout).toContain(`It answers at http://localhost:${port}/v2/.`)
      child.kill(signal)
      expect(await child.exited).toBe(130)
      expect(shop.listing().filter((line) => /sock|\/tmp\/./.test(line))).toEqual([])
    })
  }

  test("fails if the port is in use", async () => {
    using shop = project(builtin)
    const { child } = await serve(shop)
    const second = shop.jiji(["registry", "serve"])
    child.kill()
    await child.exited
    expect(second).toEqual({
      code: 69,
      stdout: "",
      stderr: `error: The local registry cannot listen on 127.0.0.1:${port}: another program uses the port.\n  → Find the program with \`ss -ltnp 'sport = :${port}'\` and stop it, or set another \`port\` under \`builder.registry\`.\n`
    })
  })

  test("fails for a remote registry", () => {
    using shop = project(files("server: ghcr.io, username: me"))
    expect(shop.jiji(["registry", "serve"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: The registry of shop is ghcr.io, so there is nothing to serve.\n" +
        "  → Servers connect to it directly; `jiji registry status` shows whether it answers.\n"
    })
  })
})

test("jiji registry status prints the configuration, and that there are no images", () => {
  using shop = project(builtin)
  const { code, stdout } = shop.jiji(["registry", "status"])
  expect(code).toBe(0)
  expect(stdout)
    .toBe(`The registry of shop is local, on port ${port}. Its images are in ${shop.home}/.local/share/jiji/registry.
It does not answer at http://localhost:${port}/v2/. It is served during a deploy, and by \`jiji registry serve\`.

It has no images.
`)
})

test("jiji registry status fails if a remote registry does not answer", () => {
  using shop = project(files(`type: remote, server: "127.0.0.1:${port}"`))
  const { code, stderr, stdout } = shop.jiji(["registry", "status"])
  expect(code).toBe(69)
  expect(stdout).toContain(`It does not answer at https://127.0.0.1:${port}/v2/.`)
  expect(stderr).toStartWith(`error: The registry does not answer at https://127.0.0.1:${port}/v2/.\n  → `)
})

describe("jiji registry status of a registry without TLS", () => {
  const plain = (hostname: string) =>
    Bun.serve({
      port: 0,
      hostname,
      fetch: () => new Response("{}", { headers: { "Docker-Distribution-Api-Version": "registry/2.0" } })
    })
  const status = async (server: string, engine: string) => {
    using shop = project({
      ".jiji/deploy.yml": `project: shop
builder: { engine: ${engine}, registry: { server: "${server}" } }
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1] } }
`
    })
    const child = Bun.spawn([program, "registry", "status"], {
      cwd: shop.root,
      env: { ...shop.env, http_proxy: "http://127.0.0.1:1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore"
    })
    return [await child.exited, await child.stdout.text()] as const
  }

  for (const host of ["127.0.0.1", "127.0.0.2", "localhost"]) {
    test(`finds it on ${host}, as docker does`, async () => {
      await using server = plain(host)
      const at = `${host}:${server.port}`
      const [code, stdout] = await status(at, "docker")
      expect(stdout).toContain(
        `It answers at http://${at}/v2/, over plain HTTP, which docker allows only on this machine (127.0.0.0/8).`
      )
      expect(code).toBe(0)
    })
  }

  test("does not find it if the engine is podman, which requires TLS", async () => {
    await using server = plain("127.0.0.1")
    const [code, stdout] = await status(`127.0.0.1:${server.port}`, "podman")
    expect(stdout).toContain(`It does not answer at https://127.0.0.1:${server.port}/v2/.`)
    expect(code).toBe(69)
  })

  test("does not take other hosts for loopback", () => {
    const elsewhere = ["127.0.0.1.example.com:80", "localhost.example.com", "10.0.0.1:5000", "x127.0.0.1", "127.1"]
    expect(elsewhere.filter(isLoopback)).toEqual([])
  })
})

test("jiji registry remove fails without a terminal, unless --yes is given", () => {
  using shop = project(builtin)
  expect(shop.jiji(["registry", "remove"])).toEqual({
    code: 2,
    stdout: "",
    stderr:
      "error: This command removes stored images, and it cannot ask for confirmation here.\n  → Use --yes to remove without confirmation.\n"
  })
  expect(shop.jiji(["registry", "remove", "--yes"])).toMatchObject({
    code: 0,
    stdout: "The local registry has no images.\n"
  })
})
