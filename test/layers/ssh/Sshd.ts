import { Effect, type Scope } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { localUser } from "../../../src/layers/ssh/localUser.ts"
import { descendants, parents } from "../../support/processes.ts"

/** A real OpenSSH server on a port of 127.0.0.1, with keys of its own. */
export interface Sshd {
  readonly host: "127.0.0.1"
  readonly port: number
  readonly user: string
  /** A folder for this server and what a test needs beside it; removed with the scope. */
  readonly dir: string
  /** The private key that it lets in. */
  readonly keyFile: string
  /** A known_hosts file that holds all its host keys. */
  readonly knownHosts: string
  /** `type key` by type of host key. */
  readonly hostKeys: Readonly<Record<string, string>>
  /** Kills the processes that serve open connections, as a network failure would. */
  readonly killSessions: Effect.Effect<void>
  /** Stops the processes that serve open connections without closing them, as a dead network would. */
  readonly freeze: Effect.Effect<void>
  /** How many connections are open. */
  readonly sessions: Effect.Effect<number>
  /** What it has written to its log. */
  readonly log: () => string
}

export interface SshdOptions {
  /** Lines of sshd_config, by keyword. */
  readonly config?: Readonly<Record<string, string>>
  readonly hostKeyTypes?: ReadonlyArray<"ed25519" | "ecdsa" | "rsa">
}

/** A port that was free a moment ago. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const killAll = (pids: ReadonlyArray<number>, signal: NodeJS.Signals = "SIGKILL"): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // Gone already.
    }
  }
}

/** Makes a key pair with ssh-keygen. */
export const keygen = (file: string, type: string, passphrase = ""): string => {
  execFileSync("ssh-keygen", [
    "-q",
    "-t",
    type,
    ...(type === "rsa" ? ["-b", "2048"] : []),
    "-N",
    passphrase,
    "-C",
    "test",
    "-f",
    file
  ])
  return readFileSync(`${file}.pub`, "utf8").split(" ").slice(0, 2).join(" ")
}

/** Starts an sshd. Another process may take the free port before sshd does; then it tries another one. */
export const make = (options: SshdOptions = {}): Effect.Effect<Sshd, never, Scope.Scope> =>
  start(options).pipe(Effect.retry({ times: 5 }), Effect.orDie)

const start = (options: SshdOptions): Effect.Effect<Sshd, "the port is taken", Scope.Scope> =>
  Effect.gen(function* () {
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-sshd-"))),
      (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
    )
    const port = yield* freePort
    const types = options.hostKeyTypes ?? ["ed25519"]
    const keyFile = join(dir, "id_ed25519")
    const authorized = keygen(keyFile, "ed25519")
    writeFileSync(join(dir, "authorized_keys"), `${authorized}\n`)
    const hostKeys = Object.fromEntries(types.map((type) => [type, keygen(join(dir, `host_${type}`), type)]))
    const config: Record<string, string> = {
      Port: String(port),
      ListenAddress: "127.0.0.1",
      PidFile: join(dir, "sshd.pid"),
      AuthorizedKeysFile: join(dir, "authorized_keys"),
      UsePAM: "no",
      StrictModes: "no",
      PasswordAuthentication: "no",
      KbdInteractiveAuthentication: "no",
      PermitRootLogin: "prohibit-password",
      MaxStartups: "100",
      LogLevel: "VERBOSE",
      // Away from the start files of whoever runs the tests, which may take their time and print what they like.
      SetEnv: `HOME=${dir}`,
      ...options.config
    }
    const lines = [
      ...types.map((type) => `HostKey ${join(dir, `host_${type}`)}`),
      ...Object.entries(config).map(([keyword, value]) => `${keyword} ${value}`)
    ]
    const file = join(dir, "sshd_config")
    writeFileSync(file, `${lines.join("\n")}\n`)
    const knownHosts = join(dir, "known_hosts")
    const name = `[127.0.0.1]:${port}`
    writeFileSync(
      knownHosts,
      Object.values(hostKeys)
        .map((key) => `${name} ${key}\n`)
        .join("")
    )
    // sshd as root insists on this folder, which Debian makes when the service starts.
    if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 })
    chmodSync(dir, 0o755)

    let log = ""
    const daemon = yield* Effect.acquireRelease(
      Effect.callback<ChildProcess, "the port is taken">((resume) => {
        const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] })
        child.stderr.on("data", (data: Buffer) => {
          log += data.toString()
          if (log.includes("Server listening on")) resume(Effect.succeed(child))
        })
        child.once("exit", () => {
          const isTaken = log.includes("Address already in use")
          resume(isTaken ? Effect.fail("the port is taken") : Effect.die(new Error(`sshd does not run: ${log}`)))
        })
      }),
      (child) =>
        Effect.callback<void>((resume) => {
          const sessions = child.pid === undefined ? [] : descendants(child.pid)
          child.removeAllListeners("exit")
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
          killAll(sessions)
        })
    )
    const pid = daemon.pid ?? 0
    return {
      host: "127.0.0.1",
      port,
      user: localUser(),
      dir,
      keyFile,
      knownHosts,
      hostKeys,
      killSessions: Effect.sync(() => killAll(descendants(pid))),
      freeze: Effect.sync(() => killAll(descendants(pid), "SIGSTOP")),
      // One child serves one connection, from its start to its end.
      sessions: Effect.sync(() => [...parents().values()].filter((parent) => parent === pid).length),
      log: () => log
    }
  })
