import { expect, test } from "bun:test"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst, project } from "./project.ts"

compileFirst()

const deploy = `
project: shop
servers:
  web1: { host: nowhere.invalid }
services:
  web: { image: nginx, hosts: [web1] }
`

/** Whether jiji runs the ProxyCommand of the `.ssh/config` in a folder of the project. */
const runsCommandOf = (folder: string, homeOf: (root: string) => string): boolean => {
  using shop = project({ ".jiji/deploy.yml": deploy })
  const ran = join(shop.root, "ran")
  mkdirSync(join(shop.root, folder, ".ssh"), { recursive: true })
  writeFileSync(join(shop.root, folder, ".ssh/config"), `Host *\n  ProxyCommand touch ${ran}\n`, { mode: 0o600 })
  shop.jiji(["doctor"], { HOME: homeOf(shop.root), XDG_STATE_HOME: shop.home, XDG_DATA_HOME: shop.home })
  return existsSync(ran)
}

test("jiji runs the ProxyCommand of the .ssh/config in an absolute HOME", () => {
  expect(runsCommandOf("folder", (root) => join(root, "folder"))).toBe(true)
})

for (const HOME of ["", ".", "folder"]) {
  test(`jiji runs no ProxyCommand of the current folder's .ssh/config if HOME is "${HOME}"`, () => {
    expect(runsCommandOf(HOME, () => HOME)).toBe(false)
  })
}
