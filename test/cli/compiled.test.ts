import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "ssh2"
import { parse } from "yaml"
import { compile, pipelines, smoke } from "./pipelines/program.ts"
import { project } from "./project.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-compiled-"))
const jiji = join(folder, "jiji")
beforeAll(() => compile(jiji), 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Logs in, and gives the connection to a function that ends it in its own way. */
const connected = (file: string, use: (client: Client) => void) =>
  new Promise<void>((resolve, reject) => {
    const { host, keys, port, user } = parse(readFileSync(file, "utf8")).servers.sandbox
    const client = new Client()
    client.on("ready", () => use(client))
    client.on("error", reject)
    client.on("close", () => resolve())
    client.connect({ host, port, username: user, privateKey: readFileSync(keys[0]) })
  })

test("the sandbox of the one file survives a client that goes away in an open session", async () => {
  using shop = project({
    ".jiji/deploy.yml":
      'project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices: { web: { image: "nginx:1.27", hosts: [web1] } }\n'
  })
  const child = Bun.spawn([jiji, "sandbox"], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const stdout = child.stdout.getReader()
  try {
    await stdout.read()
    const file = join(shop.root, ".jiji/deploy.sandbox.yml")
    // It has no shell: the session stays without a command.
    await connected(file, (client) => void client.shell(() => client.destroy()))
    let said = ""
    await connected(file, (client) =>
      client.exec("echo here", (_, channel) => {
        channel.on("data", (chunk: Buffer) => (said += chunk.toString()))
        channel.on("close", () => client.end())
      })
    )
    expect(said).toBe("here\n")
  } finally {
    child.kill("SIGINT")
  }
  const last = new TextDecoder().decode((await stdout.read()).value)
  expect(last).toEndWith("stays on this machine. To remove it: docker rm --force shop-web\n")
  expect([await child.exited, await new Response(child.stderr).text()]).toEqual([130, "interrupted\n"])
})

test("the one file runs a pipeline that imports jiji and effect, where neither is installed", () => {
  using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke }, [jiji])
  const { code, stderr, stdout } = shop.jiji(["run", "smoke", "--smoke-path", "/up", "--dry-run"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain(
    "on web2 (203.0.113.11):\n   3  # open the SSH connection\n   4  curl 3 GET false undefined /up\n"
  )
  expect(shop.jiji(["run", "smoke", "--help"]).stdout).toContain("  --smoke-path string ")
})

test("the one file's modules are those that it runs on, by all their names", () => {
  const file = `import { Effect } from "effect"
import * as Alone from "effect/Effect"
import { Flag } from "effect/cli"
import { Pipeline } from "jiji"
import { Recording } from "jiji/testing"
if (Alone.succeed !== Effect.succeed) throw new Error("there are two of effect")
if (typeof Flag.String !== "function" || typeof Recording.layer !== "function") throw new Error("there are others")
export default Pipeline.make("mine")
`
  using shop = pipelines({ "x.ts": file }, [jiji])
  expect(shop.jiji(["run", "x.ts", "--dry-run"])).toMatchObject({ code: 0, stderr: "" })
})
