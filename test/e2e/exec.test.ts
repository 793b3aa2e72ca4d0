import { afterEach, beforeAll, expect, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import { atTerminal, type OnTerminal } from "./OnTerminal.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const secret = "s3cr3t line 1\nline 2"

let project: TestProject
let open: ReadonlyArray<OnTerminal> = []
beforeAll(async () => {
  project = writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: {
      services: {
        web: {
          ports: [],
          environment: { clear: { COLOR: "blue" }, secrets: ["TOKEN"] },
          volumes: ["data:/data"],
          console: ["/bin/busybox", "echo", "the console"],
          health: { running_for: "0s" }
        }
      }
    }
  })
  writeFileSync(join(project.root, ".env"), `TOKEN=${JSON.stringify(secret)}\n`, { mode: 0o600 })
  const { code, stderr } = await project.jiji(["deploy"])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
})
afterEach(() => {
  for (const each of open) each.close()
  open = []
})

/** jiji in a terminal of its own on the operator. */
const terminal = (args: ReadonlyArray<string>) => {
  const opened = atTerminal(hosts, project, args)
  open = [...open, opened]
  return opened
}

const engines = ["h1", "h2"] as const
const busybox = "/bin/busybox"

test.each(engines)("pipes binary data through a container and keeps its outputs apart on %s", async (host) => {
  const bytes = new Uint8Array(2_000_000)
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  const file = join(project.root, "in.bin")
  writeFileSync(file, bytes)
  const line = `"$0" "$1" exec web -H ${host} -- ${busybox} sh -c 'cat; echo oops >&2; exit 7' <in.bin >out.bin`
  const main = join(import.meta.dir, "../../src/main.ts")
  const result = await hosts.operator.try(["sh", "-c", line, process.execPath, main], { cwd: project.root })
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 7, stderr: "oops\n" })
  expect(readFileSync(join(project.root, "out.bin")).equals(bytes)).toBe(true)
})
