import { describe, expect, test } from "bun:test"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { program } from "../../support/program.ts"
import { compileFirst, project } from "../project.ts"

compileFirst()

const deployFile = `project: shop
builder: { registry: { server: ghcr.io, username: me, password: $(echo tok-1 >> ran; echo tok-1) } }
servers: { web1: { host: 203.0.113.10, passphrase: KEY_PASS } }
services:
  web: { image: nginx, hosts: [web1], environment: { secrets: [DATABASE_URL, CERT] } }
  api: { image: nginx, hosts: [web1], environment: { secrets: [DATABASE_URL] } }
`
const files = {
  ".jiji/deploy.yml": deployFile,
  ".jiji/deploy.staging.yml": "services: { api: { image: redis } }\n",
  ".env": 'DATABASE_URL=$(echo url-1 | tee -a ran)\nCERT="line 1\nline 2"\nKEY_PASS=hunter22\n',
  ".env.staging": "DATABASE_URL=url-2\n"
}

const table = (database: string) =>
  [
    "SECRET                     FOUND IN              USED BY",
    "builder.registry.password  deploy.yml (command)  the registry",
    "KEY_PASS                   .env                  ssh to web1",
    `DATABASE_URL               ${database.padEnd(20)}  web, api`,
    "CERT                       .env                  web",
    ""
  ].join("\n")

describe("jiji secrets print", () => {
  test("lists where each secret is found, shows no value, and runs no command", () => {
    using shop = project(files)
    const before = shop.listing()
    expect(shop.jiji(["secrets", "print"])).toEqual({ code: 0, stdout: table(".env (command)"), stderr: "" })
    expect(shop.jiji(["secrets", "print", "-e", "staging"])).toEqual({
      code: 0,
      stdout: table(".env.staging"),
      stderr: ""
    })
    expect(shop.listing()).toEqual(before)
  })

  test("fails with 78 if a secret is missing, and still lists the others", () => {
    using shop = project({ ...files, ".env": "DATABASE_URL=1\n" })
    const { code, stderr, stdout } = shop.jiji(["secrets", "print"], { KEY_PASS: "x" })
    expect(code).toBe(78)
    expect(stdout).toMatch(/^KEY_PASS +the process environment +ssh to web1$/m)
    expect(stdout).toMatch(/^CERT +missing +web$/m)
    expect(stderr).toBe(
      "error: The secret CERT is missing; jiji looked in .env and the process environment.\n" +
        "  → Add CERT=… to .env, or set it in the environment.\n"
    )
  })

  test("says so if no secret is needed", () => {
    using shop = project({
      ".jiji/deploy.yml":
        "project: shop\nservers: { a: { host: a } }\nservices: { web: { image: nginx, hosts: [a] } }\n"
    })
    expect(shop.jiji(["secrets", "print"])).toEqual({ code: 0, stdout: "shop needs no secrets.\n", stderr: "" })
  })

  test("refuses to print values without a terminal", () => {
    using shop = project(files)
    const { code, stderr, stdout } = shop.jiji(["secrets", "print", "--show-values"])
    expect([code, stdout]).toEqual([2, ""])
    expect(stderr).toContain("error: --show-values shows secrets, so it works only in a terminal.\n")
  })
})

/** Runs jiji in a terminal and answers its question. */
const ask = async (shop: ReturnType<typeof project>, answer: string) => {
  let shown = ""
  let answered = false
  const child = Bun.spawn([program, "secrets", "print", "--show-values"], {
    cwd: shop.root,
    env: { ...shop.env, TERM: "xterm" },
    terminal: {
      cols: 120,
      rows: 30,
      data: (terminal, data) => {
        shown += Buffer.from(data).toString()
        if (answered || !shown.includes("Print the secret values")) return
        answered = true
        terminal.write(answer)
      }
    }
  })
  const code = await child.exited
  child.terminal?.close()
  return { code, shown: Bun.stripANSI(shown).replaceAll("\r", "") }
}

describe("jiji secrets print --show-values in a terminal", () => {
  test("asks, then prints the values", async () => {
    using shop = project(files)
    const { code, shown } = await ask(shop, "y")
    expect(code).toBe(0)
    expect(shown).toMatch(/^builder\.registry\.password +deploy\.yml \(command\) +tok-1$/m)
    expect(shown).toMatch(/^DATABASE_URL +\.env \(command\) +url-1$/m)
    expect(shown).toMatch(/^CERT +\.env +"line 1\\nline 2"$/m)
  })

  for (const [what, key] of [
    ["no", "n"],
    ["return", "\r"],
    ["Ctrl-C", "\u0003"]
  ] as const) {
    test(`prints no value if the answer is ${what}`, async () => {
      using shop = project(files)
      const { code, shown } = await ask(shop, key)
      expect(code).toBe(what === "Ctrl-C" ? 130 : 0)
      expect(shown).not.toMatch(/hunter22|url-1|tok-1/)
    })
  }
})

describe("a dry run", () => {
  test("names the commands that secrets come from, without running or printing them", () => {
    using shop = project(files)
    const before = shop.listing()
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run"])
    expect([code, stderr]).toEqual([0, ""])
    expect(stdout).toContain(`jiji:secret.sh ${shop.root} DATABASE_URL (in the environment: JIJI_COMMAND=<redacted>)\n`)
    expect(stdout).toContain(
      `jiji:secret.sh ${shop.root} builder.registry.password (in the environment: JIJI_COMMAND=<redacted>)\n`
    )
    expect(stdout).not.toMatch(/echo|tok-1|url-1/)
    expect(shop.listing()).toEqual(before)
  })
})

describe("an environment", () => {
  const remote = (server: string) => `builder: { registry: { server: ${server}, username: me, password: TOKEN } }\n`
  const rest = `project: shop
servers: { web1: { host: 203.0.113.10, arch: amd64 } }
services: { web: { build: {}, hosts: [web1] } }
`
  const local = "builder: { registry: { type: local, port: 5000 } }\n"
  const built = (shop: ReturnType<typeof project>, ...args: ReadonlyArray<string>) => {
    const { stderr, stdout } = shop.jiji(["deploy", "--dry-run", "--version", "v1", ...args])
    return stderr + (/--tag (\S+)/.exec(stdout)?.[1] ?? stdout)
  }

  test("can use a remote registry, with its own secrets, if the others use the local one", () => {
    using shop = project({
      ".jiji/deploy.yml": local + rest,
      ".jiji/deploy.staging.yml": remote("ghcr.io"),
      ".env.staging": "TOKEN=x\n",
      Dockerfile: "FROM scratch\n"
    })
    expect(built(shop)).toBe("localhost:5000/shop-web:v1")
    expect(built(shop, "-e", "staging")).toBe("ghcr.io/me/shop/web:v1")
    expect(shop.jiji(["secrets", "print", "-e", "staging"]).stdout).toContain("TOKEN   .env.staging  the registry\n")
  })

  test("can use another remote registry, or the local one, if the others use a remote one", () => {
    using shop = project({
      ".jiji/deploy.yml": remote("docker.io") + rest,
      ".jiji/deploy.staging.yml": remote("registry.example.com:5000"),
      ".jiji/deploy.dev.yml": local,
      ".env": "TOKEN=x\n",
      Dockerfile: "FROM scratch\n"
    })
    expect(built(shop)).toBe("docker.io/me/shop-web:v1")
    expect(built(shop, "-e", "staging")).toBe("registry.example.com:5000/shop-web:v1")
    expect(built(shop, "-e", "dev")).toBe("localhost:5000/shop-web:v1")
    expect(shop.jiji(["secrets", "print", "-e", "dev"]).stdout).toBe("shop needs no secrets.\n")
  })
})

describe("jiji warns", () => {
  const smallest = "project: shop\nservers: { a: { host: a } }\nservices: { web: { image: nginx, hosts: [a] } }\n"
  const git = (shop: ReturnType<typeof project>, ...args: ReadonlyArray<string>) =>
    Bun.spawnSync(["git", "-c", "user.name=T", "-c", "user.email=t@example.com", ...args], {
      cwd: shop.root,
      env: shop.env
    })

  test("about .env files that other users can read", () => {
    using shop = project({ ".jiji/deploy.yml": smallest, ".env": "", ".env.staging": "", ".env.example": "" })
    chmodSync(join(shop.root, ".env"), 0o640)
    chmodSync(join(shop.root, ".env.staging"), 0o604)
    chmodSync(join(shop.root, ".env.example"), 0o644)
    const stderr =
      "warning: .env and .env.staging can be read by other users of this machine.\n  → Run: chmod 600 .env .env.staging\n"
    expect(shop.jiji(["secrets", "print"])).toEqual({ code: 0, stdout: "shop needs no secrets.\n", stderr })
    expect(shop.jiji(["deploy", "--dry-run"])).toMatchObject({ code: 0, stderr })
  })

  test("about .env files that git does not ignore, or that are already committed", () => {
    using shop = project({ ".jiji/deploy.yml": smallest, ".env": "", ".env.staging": "" })
    const warned = () => shop.jiji(["secrets", "print"]).stderr.split("\n")[0]
    expect(warned()).toBe("")
    git(shop, "init")
    expect(warned()).toBe("warning: .env and .env.staging are not ignored by git, and may end up in a commit.")
    writeFileSync(join(shop.root, ".gitignore"), ".env\n")
    expect(warned()).toBe("warning: .env.staging is not ignored by git, and may end up in a commit.")
    writeFileSync(join(shop.root, ".gitignore"), ".env*\n")
    expect(warned()).toBe("")
    git(shop, "add", "--force", ".env")
    expect(warned()).toBe("warning: .env is not ignored by git, and may end up in a commit.")
    expect(shop.jiji(["secrets", "print"], { PATH: "/nowhere" })).toMatchObject({ code: 0, stderr: "" })
  })

  test("about a password in deploy.yml, without printing it", () => {
    const registry = "builder: { registry: { server: ghcr.io, username: me, password: hunter22 } }\n"
    using shop = project({ ".jiji/deploy.yml": registry + smallest })
    const { code, stderr } = shop.jiji(["secrets", "print"])
    expect(code).toBe(0)
    expect(stderr).toStartWith("warning: deploy.yml contains the registry password (builder.registry.password).\n  → ")
    expect(stderr).not.toContain("hunter22")
  })
})

describe("a command that a secret comes from", () => {
  test("is stopped when the run is interrupted", async () => {
    using shop = project({ ...files, ".env.staging": "DATABASE_URL=$(echo $$ > pid; sleep 100; echo late)\n" })
    const pid = join(shop.root, "pid")
    const child = Bun.spawn([program, "deploy", "-e", "staging"], {
      cwd: shop.root,
      env: shop.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe"
    })
    const [command = 0] = await pidsIn(pid)
    expect(isAlive(command)).toBe(true)
    child.kill("SIGINT")
    expect(await child.exited).toBe(130)
    expect(await new Response(child.stderr).text()).toBe("interrupted: stopping\ninterrupted\n")
    expect(isAlive(command)).toBe(false)
  })
})
