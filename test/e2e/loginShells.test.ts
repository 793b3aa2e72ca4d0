import { afterEach, expect, test } from "bun:test"
import type { ServerHost } from "./Host.ts"
import { hurry } from "./hurry.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })

let undo: ReadonlyArray<() => unknown> = []
afterEach(async () => {
  for (const each of undo) await each()
  undo = []
})

/** Gives root's login shell on a server this start file until the test ends. */
const startFile = async (host: ServerHost, text: string) => {
  await host.run(["sh", "-c", 'printf "%s\\n" "$1" >/root/.bashrc', "sh", text])
  undo = [...undo, () => host.run(["rm", "/root/.bashrc"])]
}

const write = () => writeProject(hosts, { name: "shop", image: { page: crypto.randomUUID() } })

const { failedChecks, start } = hurry(hosts, write)

for (const [does, text] of [
  ["prints", "echo Welcome; echo to h1 >&2"],
  ["reads a line", "read answer"],
  ["sends stderr to stdout", "exec 2>&1"],
  ["copies both outputs to a log", "exec > >(tee -a /root/log) 2>&1"]
] as const)
  test(`a .bashrc that ${does} disturbs neither a deploy nor doctor`, async () => {
    await startFile(hosts.server("h1"), text)
    const project = write()
    const deploy = done(await project.jiji(["deploy"]))
    expect(deploy.stdout).not.toContain("Welcome")
    const doctor = await project.jiji(["doctor"])
    expect(doctor.code).toBe(0)
    expect(doctor.stdout).not.toContain("Welcome")
  })

test("a .bashrc that reads all input is named, by a deploy and by doctor", async () => {
  await startFile(hosts.server("h1"), "echo Which environment?; cat >/dev/null")
  const message = "The login shell on h1 did not run jiji's command within 5 s. It printed: Which environment?"
  const deploy = await start(["deploy"]).done
  expect(deploy.code).toBe(69)
  expect(deploy.stderr).toContain(`error: ${message}`)
  expect(deploy.stderr).toContain("case $- in *i*) ;; *) return ;; esac")
  expect(deploy.stdout).toContain("still waiting for the login shell to start a command on h1")
  expect((await failedChecks("h1"))["engine"]).toBe(message)
})

test("an account that may run no commands is named, by a deploy and by doctor", async () => {
  const h1 = hosts.server("h1")
  await h1.restartSshd({ ForceCommand: "/usr/sbin/nologin" })
  undo = [() => h1.restartSshd()]
  // The whole text, so that nobody takes it for a fault of the engine.
  const message =
    "The login shell on h1 exited with code 1 and did not run jiji's command. It printed: This account is currently not available."
  const deploy = await start(["deploy"]).done
  expect(deploy.code).toBe(69)
  expect(deploy.stderr).toContain(`error: ${message}`)
  expect((await failedChecks("h1"))["engine"]).toBe(message)
})
