import { expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"

compileFirst()

const files = (registry: string) => ({
  ".jiji/deploy.yml": `project: shop
builder: { registry: ${registry} }
servers: { web1: { host: 203.0.113.10 } }
services: { web: { build: { context: . }, hosts: [web1] } }
`,
  Dockerfile: "FROM scratch\n",
  ".env": "REGISTRY_PASSWORD=hunter22\nREGISTRY_USER=robot-7\n"
})

test("a username in deploy.yml is no secret: the same word stays readable in all output", () => {
  using shop = project(files("{ server: 'registry.example.com:5000', username: deploy, password: REGISTRY_PASSWORD }"))
  const dry = shop.jiji(["deploy", "--dry-run", "--version", "v1"])
  expect([dry.code, dry.stderr]).toEqual([0, ""])
  expect(dry.stdout).toStartWith("Dry run: deploy shop to 1 server, ")
  expect(dry.stdout).toContain("docker login --username deploy --password-stdin registry.example.com:5000 < <redacted>")
  expect(dry.stdout).not.toContain("hunter22")

  using octo = project(files("{ server: ghcr.io, username: octocat, password: REGISTRY_PASSWORD }"))
  const json = octo.jiji(["deploy", "--dry-run", "--version", "v1"]).stdout
  expect(json).toContain("ghcr.io/octocat/shop/web:v1")
  expect(json).not.toContain("hunter22")

  // Without a password too, when the engine is logged in already.
  using loggedIn = project(files("{ server: ghcr.io, username: octocat }"))
  expect(loggedIn.jiji(["deploy", "--dry-run", "--version", "v1"]).stdout).toContain("ghcr.io/octocat/shop/web:v1")
})

test("a username that is the name of a secret stays hidden", () => {
  using shop = project(files("{ server: ghcr.io, username: REGISTRY_USER, password: REGISTRY_PASSWORD }"))
  const { stdout } = shop.jiji(["deploy", "--dry-run", "--version", "v1"])
  expect(stdout).toContain("ghcr.io/<redacted>/shop/web:v1")
  expect(stdout).not.toContain("robot-7")
})
