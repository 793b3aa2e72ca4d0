import { beforeAll, expect, test } from "bun:test"
import { chownSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { stringify } from "yaml"
import { deployFile, hello } from "../serve/server.ts"
import { program } from "../support/program.ts"
import { done, outcomes } from "./observe.ts"
import { proxyImage } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const example = join(import.meta.dir, "../../examples/serve")

const hosts = withHosts({ deploy1: "docker" })
let root: string
beforeAll(async () => {
  root = join(hosts.folder, "serve")
  cpSync(example, root, { recursive: true })
  cpSync(program, join(root, "jiji"))
  await Promise.all([buildProxyImage(hosts.operator, { name: proxyImage }), standInForDebian()])
  writeProjects()
  writeEnvironment()
})

/** Builds a minimal image in place of Debian's, which cannot be pulled here: what jiji and `start` need, and what the Dockerfile runs. */
const standInForDebian = async () => {
  const folder = join(hosts.folder, "debian")
  for (const each of ["lib", "bin", "etc"]) mkdirSync(join(folder, each), { recursive: true })
  const libraries = (await hosts.operator.run(["ldd", program])).match(/\/\S+(?= \()/g) ?? []
  for (const path of libraries) cpSync(path, join(folder, "lib", basename(path)), { dereference: true })
  cpSync("/bin/busybox", join(folder, "bin/sh"))
  const scripts = {
    "apt-get": "exit 0",
    install: 'shift 5; mkdir -p "$@"; chown 1000:1000 "$@"; chmod 700 "$@"',
    useradd:
      "echo deploy:x:1000:1000::/home/deploy:/bin/sh >>/etc/passwd; mkdir -p /home/deploy; chown 1000:1000 /home/deploy",
    tini: 'shift; exec "$@"'
  }
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  }
  writeFileSync(join(folder, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
  const loader = libraries.find((path) => path.includes("/ld-linux")) ?? ""
  const lines = [
    "FROM scratch",
    "COPY lib /lib",
    `COPY lib/${basename(loader)} ${loader}`,
    "ENV LD_LIBRARY_PATH=/lib PATH=/usr/local/bin:/bin",
    "COPY bin /bin",
    "COPY etc /etc",
    `RUN for name in cat chmod chown env grep mkdir rm; do ln /bin/sh /bin/$name; done`
  ]
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`)
  await hosts.operator.run([hosts.operator.engine, "build", "--tag", "debian:bookworm-slim", folder])
}

/** Writes what the server serves: a project of the container's user. */
const writeProjects = () => {
  const files = { "shop/.jiji/deploy.yml": deployFile, "shop/.jiji/pipelines/hello.ts": hello }
  const folder = hosts.server("deploy1").path("/root/projects")
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  for (const name of ["", ...readdirSync(folder, { recursive: true })])
    chownSync(join(folder, String(name)), 1000, 1000)
}

/** Writes the environment `test`: the server here, and a proxy without certificates. */
const writeEnvironment = () => {
  const config = {
    builder: { engine: hosts.operator.engine },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(hosts.folder, "known_hosts") },
    proxy: { image: proxyImage, email: null },
    servers: { deploy1: { host: hosts.server("deploy1").ip } },
    services: {
      jiji: {
        proxy: { tls: "off" },
        volumes: ["state:/home/deploy/.local", "/root/projects:/srv/projects"]
      }
    }
  }
  writeFileSync(join(root, ".jiji/deploy.test.yml"), stringify(config))
  writeFileSync(join(root, ".env.test"), "DEPLOY_KEY=a-key\nREGISTRY_PASSWORD=hunter22\n", { mode: 0o600 })
}

const jiji = (...args: ReadonlyArray<string>) =>
  hosts.operator.start([program, ...args, "-e", "test"], { cwd: root }).done

/** Runs a command in the container. */
const inside = async (...words: ReadonlyArray<string>) =>
  done(
    await hosts.operator.start([program, "exec", "jiji", "-e", "test", "--", ...words], { cwd: root }).done
  ).stdout.trim()

/** `jiji --remote`, from a folder without a project. The name leads to the server's proxy by way of a variable. */
const remote = (token: string, ...args: ReadonlyArray<string>) =>
  hosts.operator.start([program, "--remote", "http://deploy.example.com", "--allow-http", ...args], {
    cwd: hosts.folder,
    env: { JIJI_TOKEN: token, http_proxy: `http://${hosts.server("deploy1").ip}:80` }
  }).done

test("examples/serve deploys a jiji serve that runs commands from elsewhere, and survives a deploy of itself", async () => {
  expect(readFileSync(join(root, "README.md"), "utf8")).toContain(
    "jiji exec jiji -- cat /home/deploy/.local/first-token"
  )
  done(await jiji("deploy"))
  const first = await inside("cat", "/home/deploy/.local/first-token")
  const token = await inside("jiji", "token", "create", "ann", "--role", "run")
  expect(first).toMatch(/^jiji_/)
  const run = done(await remote(token, "run", "hello", "--name", "ann"))
  expect(run.stdout).toContain('{"name":"ann","times":1,"loud":true}')
  await inside("jiji", "token", "revoke", "first")
  expect((await remote(first, "runs")).code).toBe(77)

  writeFileSync(join(root, ".env.test"), "DEPLOY_KEY=another-key\nREGISTRY_PASSWORD=hunter22\n", { mode: 0o600 })
  expect(outcomes(done(await jiji("deploy")))).toEqual(["jiji deploy1: replaced"])
  expect(done(await remote(token, "runs")).stdout).toMatch(/^1 .* run hello --name ann .* succeeded .* ann$/m)
  const again = done(await remote(token, "run", "hello", "--name", "bob"))
  expect(again.stderr).toContain("run 2 of shop at http://deploy.example.com")
})
