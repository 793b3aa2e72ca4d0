import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Host, type HostSpec, ServerHost } from "./Host.ts"

/** Servers and the machine that jiji runs on, reachable only by the tests. */
export interface Hosts {
  /** Where jiji, its engine and its store run. It shares the machine's files, but has its own HOME and TMPDIR. */
  readonly operator: Host
  /** By name. */
  server(name: string): ServerHost
  readonly servers: ReadonlyArray<ServerHost>
  /** Opens a slow link from the operator to a server's sshd, at 127.0.0.1 and `port`. */
  slowLink(options: {
    readonly to: string
    /** Milliseconds, one way. */
    readonly delay: number
    /** Each way. Default: unlimited. */
    readonly bytesPerSecond?: number
  }): Promise<SlowLink>
  /** A private key that every server accepts. */
  readonly key: string
  /** HOME of the operator. */
  readonly home: string
  /** A folder for files of the tests, removed with the hosts. */
  readonly folder: string
  /** Stops and removes everything. */
  close(): Promise<void>
}

export interface SlowLink {
  readonly port: number
  /** Closes the link and all its connections. */
  cut(): Promise<void>
}

const script = join(import.meta.dir, "hosts.sh")

/**
 * Starts hosts in parallel. `close` stops and removes them, and so does any other end of this process.
 */
export const startHosts = async (options: {
  readonly operator?: HostSpec["engine"]
  readonly servers: ReadonlyArray<HostSpec>
}): Promise<Hosts> => {
  if (process.getuid?.() !== 0) throw new Error("real hosts need root: network and mount namespaces are made")
  const operator = {
    name: "operator",
    engine: options.operator ?? "docker",
    role: "operator",
    ip: "10.99.0.2"
  } as const
  const serverSpecs = options.servers.map(
    (spec, index) => ({ ...spec, role: "server", ip: `10.99.0.${11 + index}` }) as const
  )
  const specs = [operator, ...serverSpecs]
  // In its own session, so that Ctrl-C in the terminal leaves it time to clean up.
  const guard = Bun.spawn(
    [
      "setsid",
      "bash",
      script,
      "guard",
      ...specs.map(({ name, role, engine, ip }) => `${name}:${role}:${engine}:${ip}`)
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" }
  )
  const close = async () => {
    await guard.stdin.end()
    await guard.exited
  }
  const started = await readStart(guard.stdout, specs.length)
  if (started.failed.length > 0 || started.pids.size < specs.length) {
    const logs = await Promise.all(
      started.failed.map((name) => Bun.file(join(started.folder, name, "start.log")).text())
    )
    await close()
    throw new Error(`hosts did not start: ${started.failed.map((name, index) => `${name}\n${logs[index]}`).join("\n")}`)
  }

  const folder = join(started.folder, "files")
  const home = join(started.folder, "home")
  const temporary = join(started.folder, "tmp")
  for (const path of [folder, home, temporary]) mkdirSync(path)
  const pidOf = (name: string) => started.pids.get(name) ?? 0
  const servers = serverSpecs.map(
    (spec) => new ServerHost(spec, spec.ip, pidOf(spec.name), { HOME: "/root", LANG: "C.UTF-8" })
  )
  const environment = {
    HOME: home,
    TMPDIR: temporary,
    LANG: "C.UTF-8",
    // Bun's cache of transpiled sources. By default it is in HOME, where tests look for what jiji left behind.
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: join(import.meta.dir, "../../.tools/transpiled")
  }
  const machine = new Host(operator, operator.ip, pidOf(operator.name), environment)
  const server = (name: string) => {
    const found = servers.find((server) => server.name === name)
    if (found === undefined) throw new Error(`no server is called ${name}`)
    return found
  }
  return {
    operator: machine,
    servers,
    server,
    slowLink: async ({ to, delay, bytesPerSecond }) => {
      const line = [`${delay}`, `${bytesPerSecond ?? 0}`, `${server(to).ip}:22`]
      const relay = machine.start([process.execPath, join(import.meta.dir, "relay.ts"), ...line])
      await relay.waitFor("listening")
      const cut = async () => {
        relay.kill("SIGKILL")
        await relay.done
      }
      return { port: Number(/listening (\d+)/.exec(relay.output)?.[1]), cut }
    },
    key: join(started.folder, "id_ed25519"),
    home,
    folder,
    close
  }
}

const readStart = async (stdout: ReadableStream<Uint8Array>, count: number) => {
  const pids = new Map<string, number>()
  const failed: Array<string> = []
  let folder = ""
  let text = ""
  const decoder = new TextDecoder()
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true })
    const lines = text.split("\n")
    text = lines.pop() ?? ""
    for (const line of lines) {
      const [word, name = "", pid] = line.split(" ")
      if (word === "folder") folder = name
      if (word === "ready") pids.set(name, Number(pid))
      if (word === "failed") failed.push(name)
    }
    if (pids.size + failed.length === count) break
  }
  return { pids, failed, folder }
}
