import { beforeAll, expect, test } from "bun:test"
import { kill } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { bootDocker } from "./bootDocker.ts"
import { bootPodman } from "./bootPodman.ts"
import type { Running } from "./Command.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done } from "./observe.ts"
import { openSocket, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "podman5" })
const before = new Map<ServerHost, ReadonlyArray<ReadonlyArray<string>>>()

/** Stands in for the engine's program: stops before a call of a switch, for as long as /run/gate/at names it. */
const gate = (program: string) => `#!/bin/sh
case "$*" in
  'start shop-web-next') stage=start ;;
  'exec jiji-proxy '*' jiji check '*) stage=check ;;
  'update --help') stage='' ;;
  'update '*) stage=update ;;
  'exec jiji-proxy '*' jiji switch '*) stage=switch ;;
  'stop '*) stage=stop ;;
  'rm '*) stage=rm ;;
  'rename '*) stage=rename ;;
  *) stage='' ;;
esac
cd /run/gate
while [ -n "$stage" ] && [ "$stage" = "$(cat at)" ]; do
  echo "$stage" >reached
  sleep 0.05
done
exec ${program} "$@"
`
const programOf = ({ engine }: ServerHost) => `/run/gate/${engine}`

/** Makes a server stop before a stage of the next deploy, or lets it go on. */
const stopAt = (server: ServerHost, stage: string) =>
  server.run(["sh", "-c", 'cd /run/gate && rm -f reached && echo "$1" >next && mv next at', "sh", stage])

beforeAll(async () => {
  await buildProxyImage(hosts.operator, { name: proxyImage })
  for (const server of hosts.servers) {
    const { engine } = server
    before.set(
      server,
      server.processes().map(({ words }) => words)
    )
    const install =
      `mkdir /run/gate && cd /run/gate && cat >wrapper && chmod 755 wrapper && program=$(readlink -f "$(command -v ${engine})") && ` +
      `touch ${engine} && mount --bind $program ${engine} && echo none >at && mount --bind wrapper $program`
    await server.run(["sh", "-c", install], { stdin: gate(programOf(server)) })
  }
  done(await write("v0").jiji(["deploy"]))
})

const write = (version: string) =>
  writeProxied(hosts, "page", { drain: "60s", environment: { clear: { VERSION: version } } })

const get = async (server: ServerHost) => {
  const words = "curl --silent --show-error --max-time 5 --header".split(" ")
  const { stderr, stdout } = await hosts.operator.try([...words, "Host: shop.test", `http://${server.ip}/`])
  return `${stdout}${stderr}`
}
const isVersion = (text: string) => /^v\d+$/.test(text)

const upFile = (server: ServerHost) =>
  server.run([programOf(server), "exec", "jiji-proxy", "cat", "/jiji/up/shop/web-1"])

/** The addresses of the project's containers that run. */
const addresses = async (server: ServerHost) => {
  const running = (await containersOf(server, "shop")).filter(({ state }) => state === "running")
  const format = '{{index .Config.Labels "jiji.address"}}:80'
  return Promise.all(running.map(({ id }) => server.run([programOf(server), "inspect", "--format", format, id])))
}

/** Waits until no script of jiji is left on a server. */
const untilOver = (server: ServerHost) =>
  until(
    () => server.processes().filter(({ words }) => words.includes("name=shop-web")),
    (left) => left.length === 0,
    { timeout: 60_000 }
  )

/** What cuts a deploy off. The signals are sent to jiji, which serves all servers. */
type Cut = "reboot" | "connection" | "SIGINT" | "SIGKILL"

const reboot = async (server: ServerHost) => {
  await server.try(["sh", "-c", "kill -9 -1"])
  await server.run(["sh", "-c", "rm -rf /run/sshd.pid /tmp/jiji-*; echo none >/run/gate/at"])
  if (server.engine === "docker") await bootDocker(server, programOf(server), before.get(server) ?? [])
  else await bootPodman(server)
  await server.startSshd()
}

const cutConnection = (server: ServerHost) => {
  for (const { pid, words } of server.processes()) {
    if (words[0]?.startsWith("sshd: root@") === true) kill(pid)
  }
}

const cutOff = async (run: Running, cuts: ReadonlyArray<readonly [ServerHost, Cut]>) => {
  await Promise.all(
    cuts.map(async ([server, cut]) => {
      if (cut === "reboot") await reboot(server)
      if (cut === "connection") cutConnection(server)
    })
  )
  const signal = cuts.map(([, cut]) => cut).find((cut) => cut === "SIGINT" || cut === "SIGKILL")
  if (signal !== undefined) run.kill(signal)
  // The calls of the engine that were stopped go on.
  for (const server of hosts.servers) await stopAt(server, "none")
}

const openSocketTo = async (server: ServerHost) => {
  const socket = await openSocket(hosts, server, "shop.test", "/cgi-bin/socket")
  let isOpen = true
  void socket.done.then(() => (isOpen = false))
  return { socket, isOpen: () => isOpen }
}

const stages = ["start", "check", "update", "switch", "drain", "stop", "rm", "rename"] as const
type Stage = (typeof stages)[number]

/** Podman 4 cannot change a restart policy. */
const stageOn = (server: ServerHost, stage: Stage): Stage =>
  server.name === "h2" && stage === "update" ? "switch" : stage

/** Waits until a deploy is at a stage on a server. */
const reached = async (server: ServerHost, stage: Stage, serving: string) => {
  if (stage === "drain")
    await until(
      () => upFile(server),
      (now) => now !== serving,
      { timeout: 60_000 }
    )
  else
    await until(
      () => server.read("/run/gate/reached"),
      (reached) => reached === `${stage}\n`,
      { timeout: 60_000 }
    )
}

let version = 0
const cutAt = async (stage: Stage, kinds: ReadonlyArray<Cut>) => {
  const cuts = hosts.servers.map((server, index) => [server, kinds[index % kinds.length] ?? "reboot"] as const)
  const old = `v${version}`
  version += 1
  const serving = await Promise.all(hosts.servers.map(upFile))
  // So that the old containers have something to finish.
  const sockets = stage === "drain" ? await Promise.all(hosts.servers.map(openSocketTo)) : []
  for (const server of hosts.servers) await stopAt(server, stageOn(server, stage))
  const project = write(`v${version}`)
  const run = project.start(["deploy"])
  for (const [index, server] of hosts.servers.entries()) {
    await reached(server, stageOn(server, stage), serving[index] ?? "")
  }
  await cutOff(run, cuts)
  for (const { isOpen, socket } of sockets) if (isOpen()) socket.kill("SIGKILL")
  const { code } = await run.done
  if (!kinds.includes("SIGKILL")) expect(code).not.toBe(0)

  for (const [server, cut] of cuts) {
    if (cut !== "reboot") await untilOver(server)
    const served = await until(() => get(server), isVersion)
    // What runs before the requests have moved goes; after that, it stays.
    if (cut === "reboot") {
      const isBefore = stages.indexOf(stage) <= stages.indexOf("switch")
      expect(`${server.name} ${cut}: ${served}`).toBe(`${server.name} ${cut}: ${isBefore ? old : `v${version}`}`)
    } else {
      expect([old, `v${version}`]).toContain(served)
      expect(await addresses(server)).toEqual([await upFile(server)])
    }
    for (let again = 0; again < 5; again += 1) expect(await get(server)).toBe(served)
  }

  done(await project.jiji(["deploy"]))
  for (const server of hosts.servers) {
    expect(await get(server)).toBe(`v${version}`)
    expect((await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)).toEqual([
      "shop-web running"
    ])
    expect(await addresses(server)).toEqual([await upFile(server)])
    const format = ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "shop-web"]
    const policy = server.engine === "docker" ? "unless-stopped" : "always"
    expect(await server.run([programOf(server), ...format])).toBe(policy)
  }
}

for (const [index, stage] of stages.entries()) {
  const kinds: ReadonlyArray<Cut> = ["reboot", "connection", index % 2 === 0 ? "SIGINT" : "SIGKILL"]
  // Each engine gets each of them, at one stage or another.
  const rotated = kinds.map((_, at) => kinds[(at + index) % kinds.length] ?? "reboot")
  test(`a deploy that is cut off at ${stage} (${rotated.join(", ")}) leaves one version that serves, and the next one completes`, () =>
    cutAt(stage, rotated))
}
