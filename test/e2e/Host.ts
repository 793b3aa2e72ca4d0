import { type Dirent, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { kill } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { type CommandOptions, type Result, Running } from "./Command.ts"

/** Describes a host to start. */
export interface HostSpec {
  readonly name: string
  /** `podman` is the machine's; `podman5` is the next Debian's. */
  readonly engine: "docker" | "podman" | "podman5" | "none"
}

export interface Container {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly state: string
}

type KeptContainer = Container & { readonly kept: boolean }

/** What docker says of a container: the parts that tests use. */
interface DockerContainer {
  readonly Id: string
  readonly Name: string
  readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> | null }
  readonly State: { readonly Status: string }
}

/** What podman says of a container: the parts that tests use. */
interface PodmanContainer {
  readonly Id: string
  readonly Names: ReadonlyArray<string>
  readonly Image: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly State: string
}

const isKept = (labels: Readonly<Record<string, string>> | null) => (labels?.["jiji.kept"] ?? "") !== ""

const fromPodman = ({ Id, Image, Labels, Names, State }: PodmanContainer): KeptContainer => ({
  id: Id,
  name: Names[0] ?? "",
  image: Image,
  state: State,
  kept: isKept(Labels)
})

const fromDocker = ({ Config, Id, Name, State }: DockerContainer): KeptContainer => ({
  id: Id,
  name: Name.replace(/^\//, ""),
  image: Config.Image,
  state: State.Status,
  kept: isKept(Config.Labels)
})

/** A set of namespaces that behaves like a separate machine. */
export class Host {
  readonly name: string
  /** The engine's program. */
  readonly engine: Exclude<HostSpec["engine"], "podman5">
  readonly ip: string
  /** The id of its first process on the machine. */
  readonly #pid: number
  readonly #env: Readonly<Record<string, string>>

  constructor(spec: HostSpec, ip: string, pid: number, env: Readonly<Record<string, string>>) {
    this.name = spec.name
    this.engine = spec.engine === "podman5" ? "podman" : spec.engine
    this.ip = ip
    this.#pid = pid
    this.#env = env
  }

  /** What this machine runs to run a command on the host, in the current terminal. */
  inTerminal(words: ReadonlyArray<string>, cwd: string) {
    // Bun may be installed outside the usual folders.
    const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${dirname(process.execPath)}`
    const enter = `nsenter -t ${this.#pid} -r -m -n -p --`.split(" ")
    return { words: [...enter, "env", "-C", cwd, ...words], env: { PATH: path, ...this.#env } }
  }

  /** Starts a command on the host. */
  start(words: ReadonlyArray<string>, options: CommandOptions = {}): Running {
    const { env, words: all } = this.inTerminal(words, options.cwd ?? "/")
    const end = all.indexOf("--") + 1
    return new Running([...all.slice(0, end), "setsid", ...all.slice(end)], {
      ...options,
      env: { ...env, ...options.env }
    })
  }

  /** Runs a command on the host, whatever its exit code. */
  try(words: ReadonlyArray<string>, options?: CommandOptions): Promise<Result> {
    return this.start(words, options).done
  }

  /** Runs a command that must succeed. Returns its output without the last newline. */
  async run(words: ReadonlyArray<string>, options?: CommandOptions): Promise<string> {
    const result = await this.try(words, options)
    if (result.code !== 0) {
      throw new Error(`${this.name}: ${words.join(" ")} ended with ${result.code}\n${result.stdout}${result.stderr}`)
    }
    return result.stdout.trimEnd()
  }

  /** Bytes that the host has received over its network, all protocols together. */
  receivedBytes(): number {
    const line = readFileSync(`/proc/${this.#pid}/net/dev`, "utf8")
      .split("\n")
      .find((line) => line.trim().startsWith("eth0:"))
    return Number(line?.trim().split(/\s+/)[1])
  }

  /** Listening TCP sockets. */
  async listeners(): Promise<
    ReadonlyArray<{ readonly address: string; readonly port: number; readonly process: string }>
  > {
    const lines = (await this.run(["ss", "-ltnpH"])).split("\n").filter((line) => line !== "")
    return lines.map((line) => {
      const local = line.split(/\s+/)[3] ?? ""
      const colon = local.lastIndexOf(":")
      return {
        address: local.slice(0, colon),
        port: Number(local.slice(colon + 1)),
        process: /users:\(\("([^"]+)"/.exec(line)?.[1] ?? ""
      }
    })
  }

  /** The command lines of all processes of the host, except those inside containers. */
  processes(): ReadonlyArray<{ readonly pid: number; readonly words: ReadonlyArray<string> }> {
    const here = readlinkSync(`/proc/${this.#pid}/ns/pid`)
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          if (readlinkSync(`/proc/${name}/ns/pid`) !== here) return []
          const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").slice(0, -1)
          return words.length === 0 ? [] : [{ pid: Number(name), words }]
        } catch {
          return [] // it has ended meanwhile
        }
      })
  }

  /** All containers, running or not, newest first, without those that hold versions for a rollback. */
  async containers(): Promise<ReadonlyArray<Container>> {
    return (await this.allContainers()).filter(({ kept }) => !kept)
  }

  /** The names of the containers that hold versions for a rollback, sorted. */
  async keptVersions(): Promise<ReadonlyArray<string>> {
    return (await this.allContainers()).flatMap(({ kept, name }) => (kept ? [name] : [])).sort()
  }

  /** Without a program where that is possible: tests ask again and again, and each start takes a tenth of a second. */
  private async allContainers(): Promise<ReadonlyArray<KeptContainer>> {
    if (this.engine === "docker") {
      const all = await this.dockerGet<ReadonlyArray<{ readonly Id: string }>>("/containers/json?all=1")
      const each = (all ?? []).map(({ Id }) => this.dockerGet<DockerContainer>(`/containers/${Id}/json`))
      return (await Promise.all(each)).flatMap((found) => (found === undefined ? [] : [fromDocker(found)]))
    }
    const all = await this.run([this.engine, "ps", "--all", "--no-trunc", "--format", "json"])
    return (JSON.parse(all) as ReadonlyArray<PodmanContainer>).map(fromPodman)
  }

  /** What docker's API on the host answers to a path; nothing if there is no such thing (any more). */
  async dockerGet<A>(path: string): Promise<A | undefined> {
    const unix = this.path("/run/docker.sock")
    const answer = await fetch(`http://docker${path}`, { unix, keepalive: false })
    if (answer.status === 404) return undefined
    if (!answer.ok) throw new Error(`${this.name}: docker answered ${answer.status} to ${path}: ${await answer.text()}`)
    // The caller knows docker's API.
    return (await answer.json()) as A
  }

  /** The path at which this machine finds a file of the host. A link with an absolute path in it leads elsewhere. */
  path(path: string): string {
    return `/proc/${this.#pid}/root${path}`
  }

  /** What is in a file of the host; nothing if there is none. */
  read(path: string): string {
    try {
      return readFileSync(this.path(path), "utf8")
    } catch {
      return ""
    }
  }

  /** All images as `repository:tag`, unnamed ones as `<none>:<none>`. */
  async images(): Promise<ReadonlyArray<string>> {
    const lines = await this.run([this.engine, "images", "--format", "{{.Repository}}:{{.Tag}}"])
    return lines.split("\n").filter((line) => line !== "")
  }

  /** Paths of all files below a folder of the host. */
  files(folder: string): ReadonlyArray<string> {
    let entries: ReadonlyArray<Dirent>
    try {
      entries = readdirSync(this.path(folder), { withFileTypes: true })
    } catch {
      return [] // it has been removed meanwhile
    }
    return entries.flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? this.files(path) : [path]
    })
  }

  /** Disconnects the host from the network: packets are dropped, connections stay open and silent. */
  async unplug(): Promise<void> {
    await this.run(["ip", "link", "set", "eth0", "down"])
  }

  /** Reconnects the host after {@link unplug}. */
  async plug(): Promise<void> {
    await this.run(["ip", "link", "set", "eth0", "up"])
  }
}

/** A host to deploy to. The run's key is accepted for root and for `deploy`, who may not use the engine. */
export class ServerHost extends Host {
  /** Stops sshd and all its sessions. */
  async stopSshd(): Promise<void> {
    for (const { pid, words } of this.processes()) {
      if (words[0]?.startsWith("sshd:") === true || words[0] === "/usr/sbin/sshd") kill(pid)
    }
    // A killed process keeps its port for a moment, in which another sshd could not start.
    await until(
      () => this.listeners(),
      (all) => all.every(({ port }) => port !== 22)
    )
    await this.run(["rm", "-f", "/run/sshd.pid"])
  }

  /** Starts sshd. `options` override sshd_config, such as `{ AllowTcpForwarding: "no" }`. */
  async startSshd(options: Readonly<Record<string, string>> = {}): Promise<void> {
    const words = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])
    await this.run(["/usr/sbin/sshd", ...words, "-f", "/run/sshd/config"])
    // sshd forks before it listens, and writes this file afterwards.
    await until(
      () => this.read("/run/sshd.pid"),
      (pid) => pid !== ""
    )
  }

  async restartSshd(options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stopSshd()
    await this.startSshd(options)
  }

  /** Changes the server's host key, like a reinstallation does. */
  async changeHostKey(): Promise<void> {
    await this.run(["sh", "-c", "rm /run/sshd/host_key* && ssh-keygen -q -t ed25519 -N '' -f /run/sshd/host_key"])
    await this.restartSshd()
  }

  /** The server's line in a known_hosts file. */
  knownHost(): string {
    const [type, key] = this.read("/run/sshd/host_key.pub").split(" ")
    return `${this.ip} ${type} ${key}`
  }
}
