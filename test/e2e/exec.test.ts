import { afterEach, beforeAll, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import { atTerminal, type OnTerminal } from "./OnTerminal.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const secret = "s3cr3t line 1\nline 2"

let project: TestProject
let open: ReadonlyArray<OnTerminal> = []
beforeAll(async () => {
  project = writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: {
      services: {
        web: {
          ports: [],
          environment: { clear: { COLOR: "blue" }, secrets: ["TOKEN"] },
          volumes: ["data:/data"],
          console: ["/bin/busybox", "echo", "the console"],
          health: { running_for: "0s" }
        }
      }
    }
  })
  writeFileSync(join(project.root, ".env"), `TOKEN=${JSON.stringify(secret)}\n`, { mode: 0o600 })
  const { code, stderr } = await project.jiji(["deploy"])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
})
afterEach(() => {
  for (const each of open) each.close()
  open = []
})

/** jiji in a terminal of its own on the operator. */
const terminal = (args: ReadonlyArray<string>) => {
  const opened = atTerminal(hosts, project, args)
  open = [...open, opened]
  return opened
}

const engines = ["h1", "h2"] as const
const busybox = "/bin/busybox"

/** A test that runs on both hosts at the same time. */
const onBoth = (name: string, body: (host: (typeof engines)[number]) => Promise<void>) =>
  test(name, async () => {
    await Promise.all(engines.map(body))
  })

/** The processes that the tests leave waiting on a server, and in its containers. */
const sleeping = async (host: string) => {
  const all = await hosts
    .server(host)
    .run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 432[1]' || :"])
  return all.split("\n").filter((line) => line !== "")
}

onBoth("pipes binary data through a container and keeps its outputs apart", async (host) => {
  const bytes = new Uint8Array(2_000_000)
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  const file = join(project.root, `${host}.in`)
  writeFileSync(file, bytes)
  const line = `"$0" "$1" exec web -H ${host} -- ${busybox} sh -c 'cat; echo oops >&2; exit 7' <${host}.in >${host}.out`
  const main = join(import.meta.dir, "../../src/main.ts")
  const result = await hosts.operator.try(["sh", "-c", line, process.execPath, main], { cwd: project.root })
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 7, stderr: "oops\n" })
  expect(readFileSync(join(project.root, `${host}.out`)).equals(bytes)).toBe(true)
  // A reader that has seen enough ends it.
  const yes = `"$0" "$1" exec web -H ${host} -- ${busybox} yes | head -n 1`
  const cut = await hosts.operator.try(["sh", "-c", yes, process.execPath, main], { cwd: project.root })
  expect({ code: cut.code, stdout: cut.stdout, stderr: cut.stderr }).toEqual({ code: 0, stdout: "y\n", stderr: "" })
})

const inside = `trap 'echo "size $(/bin/busybox stty size)"' WINCH; echo "term $TERM"; test -t 0 && test -t 1 && echo both; /bin/busybox stty size; while :; do /bin/busybox sleep 0.1; done`

onBoth("gives a command a terminal that resizes, and ends it with Ctrl-C", async (host) => {
  const web = terminal(["exec", "web", "-H", host, "--", busybox, "sh", "-c", inside])
  // docker tells the size only after the command has started.
  await web.shows(/^term xterm-256color\r\nboth\r\n[^]*24 80\r\n/)
  web.resize(100, 40)
  await web.shows(/size 40 100/)
  web.type("\u0003")
  expect(await web.ended()).toEqual({ code: 130, isRestored: true })
})

const dialog = `stty raw -echo; echo ready; head -c 1 | od -An -tx1; stty sane; echo next; read -r line; echo "sum $((line + 1))"; printf '\\033[31mred\\033[0m\\n'; exit 9`

onBoth("passes each key and color on at once, and returns the exit code", async (host) => {
  const web = terminal(["exec", "web", "-H", host, "--", busybox, "sh", "-c", dialog])
  await web.shows(/ready/)
  // Engines use Ctrl-P to detach, and would hold it back until the next key.
  web.type("\u0010")
  await web.shows(/ 10\r?\n[^]*next/)
  web.type("20\r")
  expect(await web.ended()).toEqual({ code: 9, isRestored: true })
  expect(web.output()).toContain("sum 21\r\n\u001b[31mred\u001b[0m\r\n")
})

onBoth("ends the command, and restores the terminal, when jiji is stopped", async (host) => {
  const web = terminal([
    "exec",
    "web",
    "-H",
    host,
    "--",
    busybox,
    "sh",
    "-c",
    "echo started; exec /bin/busybox sleep 4321"
  ])
  await web.shows(/started/)
  process.kill(web.pid(), "SIGTERM")
  expect(await web.ended()).toEqual({ code: 130, isRestored: true })
  await until(
    () => sleeping(host),
    (all) => all.length === 0
  )
})

onBoth("ends the command when the terminal vanishes, or jiji is killed", async (host) => {
  const words = ["exec", "web", "-H", host, "--", busybox, "sh", "-c", "echo started; exec /bin/busybox sleep 4321"]
  const vanishing = terminal(words)
  await vanishing.shows(/started/)
  expect(await sleeping(host)).not.toEqual([])
  vanishing.close()
  await until(
    () => sleeping(host),
    (all) => all.length === 0
  )
  const killed = project.start(words)
  await killed.waitFor("started")
  expect(await sleeping(host)).not.toEqual([])
  killed.kill("SIGKILL")
  await until(
    () => sleeping(host),
    (all) => all.length === 0
  )
})

test("ends the command and restores the terminal when the connection is lost", async () => {
  const web = terminal([
    "exec",
    "web",
    "-H",
    "h1",
    "--",
    busybox,
    "sh",
    "-c",
    "echo started; exec /bin/busybox sleep 4321"
  ])
  await web.shows(/started/)
  await hosts.server("h1").stopSshd()
  expect(await web.ended()).toEqual({ code: 69, isRestored: true })
  expect(web.output()).toContain("error: The connection to h1 was lost")
  await until(
    () => sleeping("h1"),
    (all) => all.length === 0
  )
  await hosts.server("h1").startSshd()
})

onBoth("--new runs in a container of its own with the secrets, and leaves nothing behind", async (host) => {
  const server = hosts.server(host)
  const before = await server.containers()
  const script = 'echo $COLOR; echo "$TOKEN"; hostname; touch /data/x; cat'
  const run = project.start(["exec", "web", "--new", "-H", host, "--", busybox, "sh", "-c", script], {
    stdin: "input"
  })
  const { code, stderr, stdout } = await run.done
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  expect(stdout).toMatch(/^blue\ns3cr3t line 1\nline 2\n[0-9a-f]{12}\ninput$/)
  expect(await server.containers()).toEqual(before)

  const console = terminal([
    "exec",
    "web",
    "--new",
    "-H",
    host,
    "--",
    busybox,
    "sh",
    "-c",
    "echo started; stty size; exec sleep 4321"
  ])
  await console.shows(/started/)
  const fresh = (await server.containers()).find(({ name }) => /^shop-web-exec-[0-9a-f]{8}$/.test(name))
  expect(fresh?.state).toBe("running")
  const everywhere = JSON.stringify([...server.processes(), ...hosts.operator.processes()])
  expect(everywhere).toContain("shop-web-exec-")
  expect(everywhere).not.toContain("s3cr3t")
  expect((await project.jiji(["ps", "--json"])).stdout).not.toContain("-exec-")
  process.kill(console.pid(), "SIGHUP")
  expect(await console.ended()).toEqual({ code: 130, isRestored: true })
  await until(
    () => server.containers(),
    (all) => all.length === before.length
  )

  const lost = project.start([
    "exec",
    "web",
    "--new",
    "-H",
    host,
    "--",
    busybox,
    "sh",
    "-c",
    "echo started; exec sleep 4321"
  ])
  await lost.waitFor("started")
  lost.kill("SIGKILL")
  await until(
    () => server.containers(),
    (all) => all.length === before.length
  )
  expect(await server.run(["sh", "-c", "ls /root/.jiji/files 2>/dev/null || :"])).toBe("")
})

test("a command runs on all servers, whose names are before its lines", async () => {
  const { code, stderr, stdout } = await project.jiji([
    "exec",
    "web",
    "-H",
    "*",
    "--",
    busybox,
    "sh",
    "-c",
    "echo one; echo two; echo three >&2; printf end; exit 3"
  ])
  expect(code).toBe(3)
  expect(stdout.split("\n").toSorted()).toEqual([
    "",
    "h1 | end",
    "h1 | one",
    "h1 | two",
    "h2 | end",
    "h2 | one",
    "h2 | two"
  ])
  expect(stderr.split("\n").toSorted()).toEqual(["", "h1 | three", "h2 | three"])
})

test("a command runs on the servers themselves", async () => {
  const one = terminal(["server", "exec", "--", "sh", "-c", "tty; stty size; echo $TERM; exit 5"])
  expect(await one.ended()).toEqual({ code: 5, isRestored: true })
  expect(one.output()).toMatch(/^\/dev\/pts\/\d+\r\n24 80\r\nxterm-256color\r\n/)
  const piped = await project.jiji(["server", "exec", "-H", "h2", "--", "sh", "-c", "cat; echo oops >&2"], {
    stdin: "it's $HOME\n"
  })
  expect(piped).toMatchObject({ code: 0, stdout: "it's $HOME\n", stderr: "oops\n" })
  const all = await project.jiji(["server", "exec", "-H", "h?", "--", "printf", "%s|", "a b", "$HOME", "it's", "*"])
  expect(all).toMatchObject({ code: 0, stdout: "h1 | a b|$HOME|it's|*|\nh2 | a b|$HOME|it's|*|\n" })
  const stopped = project.start(["server", "exec", "-H", "h1", "--", "sh", "-c", "echo started; sleep 4321"])
  await stopped.waitFor("started")
  stopped.kill("SIGINT")
  expect((await stopped.done).code).toBe(130)
  await until(
    () => sleeping("h1"),
    (left) => left.length === 0
  )
})

/** What jiji says about a wrong command, after its exit code. */
const wrong = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await project.jiji(args)
  expect(stdout).toBe("")
  return `${code} ${stderr}`
}

onBoth("a person reads that a program is missing", async (host) => {
  expect(await wrong("exec", "web", "-H", host, "--", "sh")).toBe(
    `127 error: There is no program sh in shop-web on ${host}.\n  → The image may have no shell: run one of its own programs, by its full path.\n`
  )
  expect(await wrong("exec", "web", "--new", "-H", host, "--", "nope")).toBe(
    `127 error: There is no program nope in a new container of web on ${host}.\n  → Check its name, or use its full path in the image.\n`
  )
  expect(await wrong("exec", "web", "-H", host, "--", "/www/index.html")).toStartWith(
    `126 error: /www/index.html in shop-web on ${host} cannot be executed.\n`
  )
  expect(await wrong("server", "exec", "-H", host, "--", "nope")).toBe(
    `127 error: There is no program nope in ${host}.\n  → Check its name, or use its full path.\n`
  )
  const shell = terminal(["exec", "web", "-H", host, "--", "bash"])
  expect(await shell.ended()).toEqual({ code: 127, isRestored: true })
  expect(shell.output()).toStartWith(`error: There is no program bash in shop-web on ${host}.\r\n`)
})

onBoth("console runs the service's command, and its arguments", async (host) => {
  const { code, stdout } = await project.jiji(["console", "web", "-H", host, "--", "has", "a  word"])
  expect({ code, stdout }).toEqual({ code: 0, stdout: "the console has a  word\n" })
})

onBoth("a person reads that the container does not run, and --new works without it", async (host) => {
  const server = hosts.server(host)
  await server.run([server.engine, "stop", "shop-web"])
  expect(await wrong("exec", "web", "-H", host, "--", busybox, "true")).toStartWith(
    `1 error: The container shop-web on ${host} does not run: it is stopped.\n  → See why with \`jiji logs web -H ${host}\``
  )
  const fresh = await project.jiji(["exec", "web", "--new", "-H", host, "--", busybox, "echo", "yes"])
  expect(fresh).toMatchObject({ code: 0, stdout: "yes\n" })
  await server.run([server.engine, "rm", "shop-web"])
  expect(await wrong("exec", "web", "-H", host, "--", busybox, "true")).toBe(
    `1 error: There is no container shop-web on ${host}.\n  → Deploy first, or look where it runs: jiji ps web\n`
  )
})
