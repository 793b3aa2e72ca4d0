import { expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { deploy, Pipeline } from "../../../src/index.ts"
import { bundleWhole, pipelines, smoke } from "./program.ts"

bundleWhole()

const builtIn = `jiji's own, each a command of that name:
  deploy           Build, ship and start the project's containers on its servers
  doctor           Look at this machine and the servers for what a deploy needs
  registry login   Log this machine and the servers in to the project's registry
  registry logout  Log this machine and the servers out of the project's registry
`

test("jiji list shows its own pipelines, and the project's with what each says of itself or what is wrong in it", () => {
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
  expect(shop.jiji(["list"])).toEqual({
    code: 0,
    stdout: `${builtIn}
the project's, under .jiji/pipelines, for \`jiji run\`:
  broken           ✗ .jiji/pipelines/broken.ts:2 Expected identifier but found end of file
  doctor           Asks every server for a page (not what \`jiji doctor\` runs)
  folder           ✗ .jiji/pipelines/folder.ts cannot be read: it is a folder.
  hosts            ✗ .jiji/pipelines/hosts.ts: the flag "hosts" has a name that \`jiji run\` uses itself.
  plain
  smoke            Asks every server for a page
  throws           ✗ .jiji/pipelines/throws.ts:1 red
`,
    stderr: ""
  })
})

test("jiji list needs no project", () => {
  using shop = pipelines({})
  expect(shop.jiji(["list"])).toEqual({ code: 0, stdout: builtIn, stderr: "" })
})

test("jiji list draws a pipeline", () => {
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
