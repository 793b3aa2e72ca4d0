import { expect, test } from "bun:test"
import { compileFirst, project } from "../project.ts"

compileFirst()

const files = {
  ".jiji/deploy.yml": `project: shop
ssh: { user: deploy }
servers:
  web1: { host: 203.0.113.10 }
  db1: { host: "fd00::2", user: root, port: 2222 }
  spare: { host: 203.0.113.12 }
services:
  web: { image: "nginx:1.27", hosts: [web1] }
  db: { image: "postgres:17", hosts: [db1, web1] }
`
}

test("jiji server list prints the servers and what runs there by deploy.yml", () => {
  using shop = project(files)
  expect(shop.jiji(["server", "list"])).toEqual({
    code: 0,
    stdout: `SERVER  ADDRESS              CONFIGURED ENGINE  SERVICES
web1    deploy@203.0.113.10  docker             web, db
db1     root@[fd00::2]:2222  docker             db
spare   -                    -                  none
`,
    stderr: ""
  })
  expect(JSON.parse(shop.jiji(["server", "list", "--json"]).stdout)).toEqual({
    version: 1,
    project: "shop",
    servers: [
      { name: "web1", address: "deploy@203.0.113.10", engine: "docker", services: ["web", "db"] },
      { name: "db1", address: "root@[fd00::2]:2222", engine: "docker", services: ["db"] }
    ],
    unused: ["spare"]
  })
})

test("jiji server setup --dry-run connects to no server", () => {
  using shop = project(files)
  const { code, stderr, stdout } = shop.jiji(["server", "setup", "--dry-run", "-H", "web1"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain("Dry run: install docker on 1 server, and let it start at boot.\n")
  expect(stdout).toContain("jiji:setup.sh engine=docker mode=apply\n")
})
