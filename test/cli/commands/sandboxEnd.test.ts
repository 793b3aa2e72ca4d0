import { expect, test } from "bun:test"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import { program } from "../../support/program.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

const deployFile = `project: shop
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1] } }
`

/** Starts and interrupts a sandbox, and returns what it prints at its end. `engine` is a script in place of docker. */
const lastLine = async (engine: string) => {
  using shop = project({ ".jiji/deploy.yml": deployFile, "bin/docker": `#!/bin/sh\n${engine}\n` })
  chmodSync(join(shop.root, "bin/docker"), 0o755)
  const child = Bun.spawn([program, "sandbox"], {
    cwd: shop.root,
    env: { ...shop.env, PATH: `${shop.root}/bin:${shop.env.PATH}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const stdout = child.stdout.getReader()
  const decoder = new TextDecoder()
  let output = ""
  for (let chunk = await stdout.read(); !chunk.done; chunk = await stdout.read()) {
    output += decoder.decode(chunk.value, { stream: true })
    if (output.endsWith("that it created.\n")) child.kill("SIGINT")
  }
  expect([await child.exited, await new Response(child.stderr).text()]).toEqual([130, "interrupted\n"])
  return output.trimEnd().split("\n").at(-1)
}

test("the sandbox says which containers are left when it ends", async () => {
  const listing = '[ "$*" = "ps --all --filter label=jiji.project=shop --format {{.Names}}" ] || exit 1'
  expect(await lastLine(`${listing}; echo shop-web; echo shop-api`)).toBe(
    "The containers of shop are still on this machine. To remove them: docker rm --force shop-web shop-api"
  )
  expect(await lastLine(listing)).toBe("No containers of shop are left on this machine.")
})

test("the sandbox says so if it cannot know which containers are left", async () => {
  expect(await lastLine("echo no daemon >&2; exit 1")).toBe(
    "Containers that you deployed, if any, are still on this machine. To remove them: docker rm --force shop-web"
  )
})
