import { expect, test } from "bun:test"
import { chmodSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Client } from "ssh2"
import { parse } from "yaml"
import { program } from "../support/program.ts"
import { pipelines, smoke } from "./pipelines/program.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

/** Logs in, calls a function that ends the connection, and waits for its end. */
const connected = (file: string, use: (client: Client) => void) =>
  new Promise<void>((resolve, reject) => {
    const { host, keys, port, user } = parse(readFileSync(file, "utf8")).servers.sandbox
    const client = new Client()
    client.on("ready", () => use(client))
    client.on("error", reject)
    client.on("close", () => resolve())
    client.connect({ host, port, username: user, privateKey: readFileSync(keys[0]) })
  })

test("the sandbox of the compiled jiji survives a client that disconnects in an open session", async () => {
  using shop = project({
    ".jiji/deploy.yml":
      'project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices: { web: { image: "nginx:1.27", hosts: [web1] } }\n',
    "bin/docker": "#!/bin/sh\necho shop-web\n"
  })
  chmodSync(join(shop.root, "bin/docker"), 0o755)
  const child = Bun.spawn([program, "sandbox"], {
    cwd: shop.root,
    env: { ...shop.env, PATH: `${shop.root}/bin:${shop.env.PATH}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const stdout = child.stdout.getReader()
  try {
    await stdout.read()
    const file = join(shop.root, ".jiji/deploy.sandbox.yml")
    // The server has no shell, so the session stays without a command.
    await connected(file, (client) => void client.shell(() => client.destroy()))
    let output = ""
    await connected(file, (client) =>
      client.exec("echo here", (_, channel) => {
        channel.on("data", (chunk: Buffer) => (output += chunk.toString()))
        channel.on("close", () => client.end())
      })
    )
    expect(output).toBe("here\n")
  } finally {
    child.kill("SIGINT")
  }
  const last = new TextDecoder().decode((await stdout.read()).value)
  expect(last).toEndWith("are still on this machine. To remove them: docker rm --force shop-web\n")
  expect([await child.exited, await new Response(child.stderr).text()]).toEqual([130, "interrupted\n"])
})

test("the compiled jiji runs a pipeline that imports jiji and effect without installing them", () => {
  using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke })
  const { code, stderr, stdout } = shop.jiji(["run", "smoke", "--smoke-path", "/up", "--dry-run"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain(
    "on web2 (203.0.113.11):\n   3  # open the SSH connection\n   4  curl 3 GET false undefined /up\n"
  )
  expect(shop.jiji(["run", "smoke", "--help"]).stdout).toContain("  --smoke-path STRING ")
})

test("pipelines of the compiled jiji import its own modules, by all their names", () => {
  const file = `import { Effect } from "effect"
import * as Alone from "effect/Effect"
import { Flag } from "effect/cli"
import { Pipeline } from "jiji"
import { Recording } from "jiji/testing"
if (Alone.succeed !== Effect.succeed) throw new Error("two copies of effect")
if (typeof Flag.String !== "function" || typeof Recording.layer !== "function") throw new Error("wrong modules")
export default Pipeline.make("mine")
`
  using shop = pipelines({ "x.ts": file })
  expect(shop.jiji(["run", "x.ts", "--dry-run"])).toMatchObject({ code: 0, stderr: "" })
})
