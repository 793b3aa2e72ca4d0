import { afterEach, expect, test } from "bun:test"
import { containersOf, done } from "./observe.ts"
import { atTerminal, type OnTerminal } from "./OnTerminal.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const write = (page: string, retain = 3) =>
  writeProject(hosts, {
    name: "shop",
    image: { page },
    config: { services: { web: { ports: [], retain, health: { running_for: "0s" } } } }
  })

let open: ReadonlyArray<OnTerminal> = []
afterEach(() => {
  for (const each of open) each.close()
  open = []
})

/** Runs jiji in a terminal, and answers its question with a key. Returns what it showed, and its exit code. */
const answer = async (
  project: ReturnType<typeof write>,
  args: ReadonlyArray<string>,
  question: RegExp,
  key: string
) => {
  const terminal = atTerminal(hosts, project, args)
  open = [...open, terminal]
  await terminal.shows(question)
  terminal.type(key)
  const { code, isRestored } = await terminal.ended()
  return { code, isRestored, output: Bun.stripANSI(terminal.output()) }
}

const versions = async () =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const format = '{{index .Config.Labels "jiji.version"}} {{.State.Status}}'
      const all = await containersOf(server, "shop")
      if (!all.some(({ name }) => name === "shop-web")) return "none"
      return (await server.run([server.engine, "inspect", "--format", format, "shop-web"])).trim()
    })
  )

const ended = { code: 0, isRestored: true }

test("deploy --confirm shows the plan, and deploys only after yes", async () => {
  const project = write("one")
  const args = ["deploy", "--confirm", "--version", "v1"]
  const no = await answer(project, args, /Deploy shop to h1, h2\?/, "n")
  expect(no).toMatchObject(ended)
  expect(no.output).toContain("Nothing was deployed.")
  expect(await versions()).toEqual(["none", "none"])
  const yes = await answer(project, args, /Deploy shop to h1, h2\?/, "y")
  expect(yes).toMatchObject(ended)
  expect(await versions()).toEqual(["v1 running", "v1 running"])
})

test("prune lists what nothing refers to, and removes it only after yes", async () => {
  for (const version of ["v2", "v3"]) done(await write(version).jiji(["deploy", "--version", version]))
  const project = write("v3", 1)
  const images = async () => (await Promise.all(hosts.servers.map((server) => server.images()))).flat().sort()
  const before = await images()
  const no = await answer(project, ["prune"], /Remove this\?/, "n")
  expect(no).toMatchObject(ended)
  expect(no.output).toMatch(/image +localhost:9270\/shop-web:v1 \(/)
  expect(await images()).toEqual(before)
  expect(await answer(project, ["prune"], /Remove this\?/, "y")).toMatchObject(ended)
  expect((await images()).filter((name) => name.endsWith(":v1"))).toEqual([])
  expect(done(await project.jiji(["prune", "--dry-run"])).stdout).toBe("Nothing to remove.\n")
})

test("unlock asks about a lock of somebody else, and ends it only after yes", async () => {
  const project = write("v3")
  done(await project.jiji(["lock", "--message", "mine"], { env: { USER: "ann" } }))
  const question = /has locked shop on h1 and h2 [^?]*mine\. End this lock\?/s
  const wide = async (key: string) => {
    const terminal = atTerminal(hosts, project, ["unlock"])
    open = [...open, terminal]
    terminal.resize(200, 24)
    await terminal.shows(question)
    terminal.type(key)
    return terminal.ended()
  }
  expect(await wide("n")).toEqual(ended)
  expect((await project.jiji(["deploy"])).stdout).toContain("ann on ")
  expect(await wide("y")).toEqual(ended)
  done(await project.jiji(["deploy", "--version", "v3"]))
})

test("stop without names stops everything only after yes, and a named service without a question", async () => {
  const project = write("v3")
  expect(await answer(project, ["stop"], /Stop all services of shop on h1 and h2\?/, "n")).toMatchObject(ended)
  expect(await versions()).toEqual(["v3 running", "v3 running"])
  expect(await answer(project, ["stop"], /Stop all services of shop on h1 and h2\?/, "y")).toMatchObject(ended)
  expect(await versions()).toEqual(["v3 exited", "v3 exited"])
  done(await project.jiji(["start"]))
  done(await project.jiji(["stop", "-S", "w*"]))
  expect(await versions()).toEqual(["v3 exited", "v3 exited"])
})
