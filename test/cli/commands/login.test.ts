import { describe, expect, test } from "bun:test"
import { compileFirst, project } from "../project.ts"

compileFirst()

const deployFile = (registry: string, servers = 2) => ({
  ".jiji/deploy.yml": [
    "project: shop",
    `builder: { registry: ${registry} }`,
    "servers:",
    ...Array.from({ length: servers }, (_, index) => `  web${index + 1}: { host: 203.0.113.1${index}, user: deploy }`),
    "services:",
    `  web: { image: nginx, hosts: [${Array.from({ length: servers }, (_, index) => `web${index + 1}`).join(", ")}] }`
  ].join("\n")
})
const ghcr = "{ server: ghcr.io, username: me, password: GITHUB_TOKEN }"
const token = { GITHUB_TOKEN: "hunter22" }

describe("jiji registry login and logout", () => {
  test("print in a dry run what they would run on each machine, without the password", () => {
    using shop = project(deployFile(ghcr))
    const login = shop.jiji(["registry", "login", "--dry-run"], token)
    expect(login.code).toBe(0)
    expect(login.stdout.split("\n")).toEqual([
      "Dry run: log in to ghcr.io on this machine, web1 and web2.",
      "Nothing is changed and no connection is made.",
      "",
      "on this machine:",
      "   1  docker login --username me --password-stdin ghcr.io < <redacted>",
      "",
      "on web1 (deploy@203.0.113.10):",
      expect.stringMatching(/# open the SSH connection$/),
      expect.stringMatching(/docker ps --all --filter 'label=jiji.project=shop'$/),
      expect.stringMatching(/docker login --username me --password-stdin ghcr.io < <redacted>$/),
      "",
      "on web2 (deploy@203.0.113.11):",
      expect.stringMatching(/# open the SSH connection$/),
      expect.stringMatching(/docker ps --all --filter 'label=jiji.project=shop'$/),
      expect.stringMatching(/docker login --username me --password-stdin ghcr.io < <redacted>$/),
      "",
      "jiji does the same as these commands, through the engine's API where it can.",
      ""
    ])
    // Logging out needs no password.
    const logout = shop.jiji(["registry", "logout", "--dry-run", "--skip-local", "-H", "web2"])
    expect(logout.code).toBe(0)
    expect(logout.stdout).toContain("Dry run: log out of ghcr.io on web2.")
    expect(logout.stdout).toContain("docker logout ghcr.io\n")
    expect(logout.stdout).not.toContain("on this machine:")
  })

  test("skip the servers with --skip-remote, and count many of them", () => {
    using shop = project(deployFile(ghcr, 5))
    const here = shop.jiji(["registry", "login", "--skip-remote", "--dry-run"], token)
    expect(here.stdout).toContain("Dry run: log in to ghcr.io on this machine.\n")
    expect(here.stdout).not.toContain("SSH")
    const all = shop.jiji(["registry", "login", "--dry-run"], token)
    expect(all.stdout).toContain("on this machine and 5 servers.\n")
  })

  test("fail if both --skip flags are given", () => {
    using shop = project(deployFile(ghcr))
    for (const verb of ["login", "logout"]) {
      const { code, stderr } = shop.jiji(["registry", verb, "--skip-local", "--skip-remote"], token)
      expect(code).toBe(2)
      expect(stderr).toBe(
        "error: --skip-local and --skip-remote cannot be used together.\n  → Leave one of them out.\n"
      )
    }
  })

  test("do nothing for a local registry", () => {
    using shop = project(deployFile("{ type: local }"))
    expect(shop.jiji(["registry", "login"])).toEqual({
      code: 0,
      stdout: "The registry of shop is local and has no logins.\n",
      stderr: ""
    })
    expect(shop.jiji(["registry", "logout"]).stdout).toBe("The registry of shop is local and has no logins.\n")
  })

  test("fail with 78 if deploy.yml has no credentials, or the secret is missing", () => {
    using nobody = project(deployFile("{ server: registry.example.com }"))
    const unknown = nobody.jiji(["registry", "login", "--skip-remote"])
    expect(unknown.code).toBe(78)
    expect(unknown.stderr).toContain("error: deploy.yml has no username and password for registry.example.com.\n")
    using shop = project(deployFile(ghcr))
    const missing = shop.jiji(["registry", "login"])
    expect(missing.code).toBe(78)
    expect(missing.stderr).toContain("The secret GITHUB_TOKEN is missing")
    expect(missing.stdout).not.toContain("login:")
  })

  test("fail if this machine has no engine", () => {
    using shop = project(deployFile(ghcr))
    const { code, stderr } = shop.jiji(["registry", "login", "--skip-remote"], { ...token, PATH: "/nowhere" })
    expect(code).toBe(69)
    expect(stderr).toContain("docker cannot be started on this machine")
  })
})
