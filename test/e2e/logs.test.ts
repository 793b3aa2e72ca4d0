import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { TestProject } from "./Project.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "docker" })

/** Counts aloud, on both outputs, until it is stopped. */
const count = (name: string) => [
  "/bin/busybox",
  "sh",
  "-c",
  `trap 'echo bye; exit 0' TERM; i=0; while :; do i=$((i+1)); echo "${name} $RELEASE $i"; [ $((i % 5)) != 0 ] || echo "${name} $RELEASE err $i" >&2; sleep 0.1 & wait $!; done`
]

const write = (release: string): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: {
      services: {
        web: {
          command: count("web"),
          environment: { clear: { RELEASE: release } },
          health: { running_for: "0s" },
          ports: []
        },
        api: {
          build: { context: "./web" },
          hosts: ["h1", "h2"],
          command: count("api"),
          environment: { clear: { RELEASE: "r" } },
          health: { running_for: "0s" }
        }
      }
    }
  })

interface Line {
  readonly time: string
  readonly server: string
  readonly service: string
  readonly container: string
  readonly text: string
}

const linesOf = (stdout: string): ReadonlyArray<Line> =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

/** What engines and jiji run to print logs. */
const readers = (name: string) =>
  hosts
    .server(name)
    .processes()
    .filter(
      ({ words }) =>
        words[0] === "tail" ||
        words.includes("logs") ||
        words.includes("--timestamps") ||
        words.some((each) => each.includes("jiji.project="))
    )

const deploy = async (project: TestProject) => {
  const { code, stderr } = await project.jiji(["deploy"])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
}

let project: TestProject
beforeAll(async () => {
  project = write("one")
})

test("says what to do before anything is deployed", async () => {
  const { code, stderr, stdout } = await project.jiji(["logs"])
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
  expect(stderr).toContain("There is no container of web or api on h1, h2 or h3.\n  → Deploy first: jiji deploy")
})

test("prints the lines of all servers, merged by time, with the names of server and service", async () => {
  await deploy(project)
  const all = linesOf((await project.jiji(["logs", "--json", "-n", "all"])).stdout)
  expect(new Set(all.map(({ server, service }) => `${server} ${service}`))).toEqual(
    new Set(["h1 web", "h1 api", "h2 web", "h2 api", "h3 web"])
  )
  // An engine may itself swap two lines of one container, if they come from its two outputs within microseconds.
  const ofOthers = all.slice(1).flatMap((line, index) => {
    const before = all[index]
    return before === undefined || `${before.server} ${before.container}` === `${line.server} ${line.container}`
      ? []
      : [[before.time, line.time] as const]
  })
  expect(ofOthers.length).toBeGreaterThan(20)
  expect(ofOthers.filter(([before, after]) => before > after)).toEqual([])
  expect(all.some(({ text }) => /^web one err \d+$/.test(text))).toBe(true)

  const { stdout } = await project.jiji(["logs", "web", "api", "-n", "2"])
  expect(stdout.split("\n").slice(0, -1)).toHaveLength(10)
  for (const line of stdout.split("\n").slice(0, -1))
    expect(line).toMatch(/^h[123] (web|api) \| (web one|api r) (err )?\d+$/)

  const one = await project.jiji(["logs", "-S", "web", "-H", "h2", "--grep", "one [12]$", "-t"])
  expect(one.stdout).toMatch(/^h2 \| [\d-]+T[\d:.]+Z web one 1\nh2 \| [\d-]+T[\d:.]+Z web one 2\n$/)
  const { time } = all.find(({ server, text }) => server === "h1" && text === "api r 3") ?? { time: "" }
  const since = await project.jiji(["logs", "api", "--json", "--since", time.replace(/\d{6}Z/, "Z"), "--until", "0s"])
  expect(linesOf(since.stdout).find(({ server }) => server === "h1")?.text).toBe("api r 3")
})

test("follows over a deploy to the successor's lines; nothing is lost, nothing is doubled, and nothing is left running", async () => {
  const following = project.start(["logs", "-f", "--json", "-n", "all"])
  await following.waitFor('"h3"')
  await deploy(write("two"))
  await until(
    () => linesOf(following.output.slice(0, following.output.lastIndexOf("\n"))),
    (lines) =>
      ["h1", "h2", "h3"].every((name) => lines.some(({ server, text }) => server === name && text === "web two 15"))
  )
  // `podman logs` would miss last lines.
  expect(readers("h2").map(({ words }) => words[0])).toContain("tail")
  following.kill("SIGINT")
  const { code, stdout } = await following.done
  expect(code).toBe(130)
  const all = linesOf(stdout)
  for (const server of ["h1", "h2", "h3"]) {
    for (const release of ["one", "two"]) {
      const numbers = all.flatMap(({ server: from, text }) =>
        from === server && text.startsWith(`web ${release} `) && !text.includes("err")
          ? [Number(text.split(" ")[2])]
          : []
      )
      expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    }
    const web = all.filter((line) => line.server === server && line.service === "web").map(({ text }) => text)
    const goodbyes = web.filter((text) => text === "bye").length
    expect({ server, goodbyes }).toEqual({ server, goodbyes: 1 })
    expect(web.indexOf("bye")).toBeGreaterThan(web.findLastIndex((text) => text.startsWith("web one")))
  }
  await until(
    () => ["h1", "h2", "h3"].flatMap(readers),
    (left) => left.length === 0
  )
  for (const name of ["h1", "h2", "h3"]) {
    expect(await hosts.server(name).run(["sh", "-c", "ls -d /tmp/tmp.* 2>/dev/null || :"])).toBe("")
  }
})

test("continues with a container that stops and starts again", async () => {
  const following = project.start(["logs", "-f", "api", "-n", "0", "--json"])
  await following.waitFor('"h1"')
  await following.waitFor('"h2"')
  await Promise.all([
    hosts.server("h1").run(["docker", "restart", "shop-api"]),
    hosts.server("h2").run(["podman", "restart", "shop-api"])
  ])
  await until(
    () => linesOf(following.output.slice(0, following.output.lastIndexOf("\n"))),
    (lines) => ["h1", "h2"].every((name) => lines.some(({ server, text }) => server === name && text === "api r 5"))
  )
  following.kill("SIGINT")
  const all = linesOf((await following.done).stdout)
  for (const server of ["h1", "h2"]) {
    const texts = all.filter((line) => line.server === server).map(({ text }) => text)
    const bye = texts.indexOf("bye")
    expect(texts.filter((text) => text === "bye")).toHaveLength(1)
    const after = texts.slice(bye + 1).filter((text) => !text.includes("err"))
    expect(after).toEqual(after.map((_, index) => `api r ${index + 1}`))
    expect(new Set(texts.slice(0, bye)).size).toBe(bye)
  }
})

test("ends with code 0 when nobody reads any more", async () => {
  const command = `set -o pipefail; "$0" "$1" logs -f | head -n 3 | wc -l`
  const main = `${import.meta.dir}/../../src/main.ts`
  const words = ["bash", "-c", command, process.execPath, main]
  const { code, stderr, stdout } = await hosts.operator.try(words, { cwd: project.root })
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: "", stdout: "3\n" })
})

test("a lost server does not end the others", async () => {
  const following = project.start(["logs", "-f", "web"])
  await following.waitFor(/^h3/m)
  await hosts.server("h3").stopSshd()
  await following.waitFor("h3: its lines are missing from here on.")
  const before = following.output.length
  await until(
    () => following.output.slice(before),
    (more) => /^h1 \|/m.test(more) && /^h2 \|/m.test(more)
  )
  following.kill("SIGINT")
  expect((await following.done).code).toBe(130)

  const { code, stderr, stdout } = await project.jiji(["logs", "web", "-n", "1"])
  expect(stdout).toMatch(/^h[12] \| web two .*\nh[12] \| web two .*\n$/)
  expect(code).toBe(69)
  expect(stderr).toContain("error: h3 (10.99.0.13) cannot be reached")
  await hosts.server("h3").startSshd()
})

test("a person reads about an unknown service or a wrong flag, and nothing happens", async () => {
  const wrong = async (...args: ReadonlyArray<string>) => {
    const { code, stderr } = await project.jiji(["logs", ...args])
    return `${code} ${stderr.split("\n")[0]}`
  }
  expect(await wrong("wep")).toBe('2 error: No service matches "wep"; deploy.yml has web and api.')
  expect(await wrong("--since", "yesterday")).toContain("a time ago such as 10m")
  expect(await wrong("--grep", "(")).toContain("a JavaScript regular expression")
  expect(await wrong("-n", "many")).toContain('a whole number, or "all"')
  expect(await wrong("-f", "--until", "1m")).toBe("2 error: --follow and --until cannot be used together.")
})
