import { expect, test } from "bun:test"
import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { VersionsReport } from "../../src/steps/VersionsPipeline.ts"
import { Origin } from "../../src/steps/WhyPipeline.ts"
import type { Host } from "./Host.ts"
import { containersOf, done, outcomes, page } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

/** A web service with a file of the project and a secret, and a worker that changes only where a test says so. */
const write = (version: string, options: { readonly log: string; readonly secret: string; readonly job?: string }) => {
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: version },
    config: {
      services: {
        web: {
          files: ["banner.txt:/www/banner.txt"],
          environment: { clear: { LOG: options.log }, secrets: ["TOKEN"] },
          health: { running_for: "0s" }
        },
        worker: {
          build: { context: "./job" },
          hosts: ["h1", "h2"],
          depends_on: ["web"],
          health: { running_for: "0s" }
        }
      }
    }
  })
  mkdirSync(join(project.root, "job"), { recursive: true })
  writeFileSync(join(project.root, "job/busybox"), "")
  writeFileSync(join(project.root, "banner.txt"), `banner ${version} é`)
  writeFileSync(join(project.root, ".env"), `TOKEN=${options.secret}\n`, { mode: 0o600 })
  const job = options.job ?? "1"
  writeFileSync(
    join(project.root, "job/Dockerfile"),
    `FROM shop-base\nENV JOB=${job}\nCMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while sleep 1 & wait $!; do :; done"]\n`
  )
  return project
}

const deploy = async (project: TestProject, version: string) =>
  done(await project.jiji(["deploy", "--version", version]))

const variable = async (host: Host, container: string, name: string) => {
  const format = `{{range .Config.Env}}{{println .}}{{end}}`
  const env = await host.run([host.engine, "inspect", "--format", format, container])
  return env.split("\n").find((line) => line.startsWith(`${name}=`))
}

/** What each server runs: the page, the banner, and some of the environment. */
const state = () =>
  Promise.all(
    hosts.servers.map(async (host) => {
      const banner = await host.run([host.engine, "exec", "shop-web", "/bin/busybox", "cat", "/www/banner.txt"])
      return [
        await page(hosts, host),
        banner,
        await variable(host, "shop-web", "LOG"),
        await variable(host, "shop-web", "TOKEN"),
        await variable(host, "shop-worker", "JOB")
      ]
    })
  )

const both = <A>(value: A) => [value, value]

const versions = async (project: TestProject) => {
  const { stdout } = done(await project.jiji(["versions", "--json"]))
  const report = Schema.decodeSync(Schema.fromJsonString(VersionsReport))(stdout)
  return report.servers.map((server) =>
    server.versions.map(({ current, service, version }) => `${service} ${version}${current ? " runs" : ""}`)
  )
}

test("lists the versions that each server can go back to", async () => {
  const base = join(hosts.folder, "base")
  mkdirSync(base, { recursive: true })
  const first = write("v1", { log: "one", secret: "first" })
  await hosts.operator.run(["docker", "build", "--tag", "shop-base", join(first.root, "web")])
  await deploy(first, "v1")
  // v2 changes both services, v3 only web.
  await deploy(write("v2", { log: "two", secret: "second", job: "2" }), "v2")
  const project = write("v3", { log: "three", secret: "third", job: "2" })
  await deploy(project, "v3")
  expect(await state()).toEqual(both(["v3", "banner v3 é", "LOG=three", "TOKEN=third", "JOB=2"]))
  expect(await versions(project)).toEqual(both(["web v3 runs", "web v2", "web v1", "worker v2 runs", "worker v1"]))
})

test("goes back to what ran, image, configuration and files, with the secrets of today, from any machine", async () => {
  const project = write("v3", { log: "three", secret: "third", job: "2" })
  // Another machine has neither the source, nor the images, nor a record of runs.
  const elsewhere = join(hosts.folder, "elsewhere/.jiji")
  mkdirSync(elsewhere, { recursive: true })
  await hosts.operator.run(["cp", join(project.root, ".jiji/deploy.yml"), elsewhere])
  writeFileSync(join(elsewhere, "../banner.txt"), "of today")
  writeFileSync(join(elsewhere, "../.env"), "TOKEN=today\n", { mode: 0o600 })
  const home = join(hosts.folder, "home2")
  const run = (args: ReadonlyArray<string>) =>
    project.jiji(args, { cwd: join(elsewhere, ".."), env: { HOME: home, XDG_DATA_HOME: join(home, "data") } })
  const back = done(await run(["rollback"]))
  expect(outcomes(back)).toEqual(["web h1: replaced", "web h2: replaced"])
  expect(await state()).toEqual(both(["v2", "banner v2 é", "LOG=two", "TOKEN=today", "JOB=2"]))

  // Once more goes further back: v2 came with another worker.
  done(await run(["rollback"]))
  expect(await state()).toEqual(both(["v1", "banner v1 é", "LOG=one", "TOKEN=today", "JOB=1"]))
  const nothing = await run(["rollback"])
  expect(nothing.code).toBe(1)
  expect(nothing.stderr).toContain("h1 and h2 have no version of web and worker from before the last deploy.")

  // A name goes forward again, with the worker as it was then.
  done(await run(["rollback", "v3"]))
  expect(await state()).toEqual(both(["v3", "banner v3 é", "LOG=three", "TOKEN=today", "JOB=2"]))
  const unknown = await run(["rollback", "v4"])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain("No server has version v4 of web or worker; the servers have v3, v2 and v1.")
  const same = done(await run(["rollback", "v3"]))
  expect(outcomes(same)).toEqual([
    "web h1: unchanged",
    "web h2: unchanged",
    "worker h1: unchanged",
    "worker h2: unchanged"
  ])
})

test("brings an image that a server has lost, or refuses before it changes anything", async () => {
  const project = write("v3", { log: "three", secret: "third", job: "2" })
  const h1 = hosts.server("h1")
  const images = (await h1.images()).filter((name) => /shop-web:v[12]$/.test(name))
  expect(images).toHaveLength(2)
  for (const name of images) await h1.run(["docker", "rmi", "--force", name])
  const ids = (
    await h1.run([
      "docker",
      "ps",
      "--all",
      "--filter",
      "label=jiji.kept=shop",
      "--filter",
      "label=jiji.version=v2",
      "--filter",
      "label=jiji.service=web",
      "--format",
      "{{.ID}}"
    ])
  )
    .trim()
    .split("\n")
  for (const id of ids) {
    const image = (await h1.run(["docker", "inspect", "--format", "{{.Image}}", id])).trim()
    await h1.run(["docker", "rmi", "--force", image])
  }
  const store = join(hosts.home, ".local/share/jiji/registry")
  renameSync(store, `${store}.away`)
  const refused = await project.jiji(["rollback", "v2", "-S", "web"])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain("h1 no longer has the image of web v2, and neither has the local registry")
  expect(await state()).toEqual(both(["v3", "banner v3 é", "LOG=three", "TOKEN=today", "JOB=2"]))
  await hosts.operator.run(["rm", "-rf", store])
  renameSync(`${store}.away`, store)
  done(await project.jiji(["rollback", "v2", "-S", "web"]))
  expect(await state()).toEqual(both(["v2", "banner v2 é", "LOG=two", "TOKEN=third", "JOB=2"]))
})

test("refuses before it changes anything if a server has not kept the version itself", async () => {
  const project = write("v3", { log: "three", secret: "third", job: "2" })
  const h2 = hosts.server("h2")
  const kept = (await h2.keptVersions()).filter((name) => name.startsWith("shop-worker."))
  for (const name of kept) await h2.run(["podman", "rm", name])
  const before = await state()
  const refused = await project.jiji(["rollback", "v1", "-S", "worker"])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain("h2 does not have worker v1.")
  expect(refused.stderr).toContain("`-H h1`")
  expect(await state()).toEqual(before)
  done(await project.jiji(["rollback", "v1", "-S", "worker", "-H", "h1"]))
  expect(await variable(hosts.server("h1"), "shop-worker", "JOB")).toBe("JOB=1")
  expect((await state())[1]).toEqual(before[1])
  done(await project.jiji(["rollback", "v2", "-S", "worker", "-H", "h1"]))
  expect(await state()).toEqual(before)
})

test("keeps the versions before the one that runs, and remove leaves nothing", async () => {
  const project = write("v5", { log: "five", secret: "third", job: "2" })
  const git = async (...words: ReadonlyArray<string>) =>
    hosts.operator.run(["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...words], {
      cwd: project.root
    })
  await git("init", "--quiet")
  await git("add", ".")
  await git("commit", "--quiet", "--message", "Sell more\n\nAnd faster.")
  const deployed = await deploy(project, "v5")

  const why = async () => {
    const { stdout } = done(await project.jiji(["why", "web", "--json"]))
    return stdout
      .trim()
      .split("\n")
      .map((line) => Schema.decodeSync(Schema.fromJsonString(Origin))(line))
  }
  const run = /run (\S+)$/m.exec(deployed.stdout)?.[1]
  const origin = {
    version: "v5",
    run,
    by: expect.stringMatching(/^root@/),
    commit: await git("rev-parse", "HEAD"),
    subject: "Sell more",
    because: [expect.stringMatching(/^image \w+ → \w+$/), "files: /www/banner.txt", "environment: LOG"]
  }
  expect(await why()).toMatchObject([
    { server: "h1", container: "shop-web", ...origin },
    { server: "h2", container: "shop-web", ...origin }
  ])
  const { stdout } = done(await project.jiji(["why", "web", "-H", "h1"]))
  expect(stdout).toContain("shop-web on h1\n")
  expect(stdout).toContain(`(deploy, succeeded): jiji runs show ${run}\n`)
  expect(stdout).toContain("Sell more\n")
  expect((await versions(project))[0]).toEqual(["web v5 runs", "web v2", "web v1", "worker v2 runs", "worker v1"])
  done(await project.jiji(["rollback"]))
  const [back] = await why()
  expect(back).toMatchObject({ version: "v2", deployed: { by: expect.stringMatching(/^root@/) } })
  expect(back?.commit).toBeUndefined()

  done(await project.jiji(["remove", "--all", "--yes"]))
  for (const host of hosts.servers) {
    expect([await containersOf(host, "shop"), await host.keptVersions()]).toEqual([[], []])
    expect((await host.images()).filter((name) => name.includes("shop-"))).toEqual([])
  }
})
