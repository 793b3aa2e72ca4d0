import { expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { deploy, Pipeline } from "../../../src/index.ts"
import { compileFirst } from "../project.ts"
import { pipelines, smoke } from "./program.ts"

compileFirst()

const builtIn = `Built-in pipelines (run with \`jiji NAME\`):
  audit            Show who changed what on the servers, when, and with which outcome
  deploy           Build, ship and start the project's containers on its servers
  doctor           Check that this machine and the servers are ready for a deploy
  exec             Run a command in a running container of a service, or in a new one
  lock             Lock the project on its servers, so that nobody deploys
  logs             Print the logs of services on all servers, merged by time
  maintenance      Turn maintenance mode on or off: the proxy answers 503 instead of the services
  plan             Show what a deploy would do, and why, without doing it
  prune            Remove the project's old images, and what interrupted deploys left on the servers
  ps               Show what runs on the servers, what differs from deploy.yml, and who holds the lock
  registry login   Log in to the registry on this machine and on the servers
  registry logout  Log out of the registry on this machine and on the servers
  remove           Stop and remove services' containers and images on the servers
  restart          Restart services' containers as they are, replica by replica
  rollback         Go back to a version that ran before, without building or a registry
  server exec      Run a command on a server, or on several
  server setup     Install the container engine on the servers, and let it start at boot
  start            Start services' stopped containers as they are
  stop             Stop services' containers, after their requests have ended
  unlock           Unlock the project; ask before ending another person's lock
  versions         List the versions that the servers can go back to
  why              Show where a running service comes from: run, commit, person, and what changed
`

test("jiji list shows the built-in pipelines, and the project's with their descriptions or errors", () => {
  using shop = pipelines({
    ".jiji/pipelines/smoke.ts": smoke,
    ".jiji/pipelines/plain.ts": 'export { deploy as default } from "jiji"\n',
    ".jiji/pipelines/broken.ts": "\nexport default {\n",
    ".jiji/pipelines/throws.ts": 'throw new Error("\\x1b[31mred\\nand more")\n',
    ".jiji/pipelines/doctor.ts": smoke,
    ".jiji/pipelines/hosts.ts": smoke.replace("tries:", "hosts:"),
    ".jiji/pipelines/smoke.test.ts": "throw 1\n",
    ".jiji/pipelines/notes.md": "no pipeline\n"
  })
  mkdirSync(join(shop.root, ".jiji/pipelines/folder.ts"))
  // What only shows when a file runs, `jiji list NAME` reports.
  expect(shop.jiji(["list", "throws"]).stderr).toStartWith("error: .jiji/pipelines/throws.ts:1 red")
  expect(shop.jiji(["list"])).toEqual({
    code: 0,
    stdout: `${builtIn}
Pipelines in .jiji/pipelines (run with \`jiji run NAME\`):
  broken           ✗ .jiji/pipelines/broken.ts:2 Expected identifier but found end of file
  doctor           Asks every server for a page (\`jiji doctor\` runs the built-in one)
  folder           ✗ .jiji/pipelines/folder.ts cannot be read: it is a folder.
  hosts            Asks every server for a page
  plain
  smoke            Asks every server for a page
  throws
`,
    stderr: ""
  })
})

test("jiji list works without a project", () => {
  using shop = pipelines({})
  expect(shop.jiji(["list"])).toEqual({ code: 0, stdout: builtIn, stderr: "" })
})

test("jiji list NAME prints a flowchart", () => {
  using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke })
  expect(shop.jiji(["list", "deploy"])).toEqual({ code: 0, stdout: Pipeline.toMermaid(deploy), stderr: "" })
  expect(shop.jiji(["list", "registry", "login"]).stdout).toContain('["credentials"]')
  expect(shop.jiji(["list", "smoke"]).stdout).toContain('["ask"]')
  expect(shop.jiji(["list", "smok"])).toMatchObject({ code: 2, stdout: "" })
  expect(shop.jiji(["list", "smoke", "deploy"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'error: Unexpected positional argument: "deploy"\n  → See: jiji list --help\n'
  })
})
