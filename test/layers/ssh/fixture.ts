import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import { Context, Duration, Effect, Layer, type Scope, Stream } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server as NetServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Server } from "../../../src/config/Project.ts"
import { Secrets } from "../../../src/layers/secrets/Secrets.ts"
import { type SshSettings as Settings, SshSettings } from "../../../src/layers/ssh/Settings.ts"
import { Processes } from "../../../src/layers/processes/Processes.ts"
import { type RemoteProcess, Ssh } from "../../../src/layers/ssh/Ssh.ts"
import type { Event } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as SshServer from "../../../src/sandbox/SshServer.ts"
import { pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import type * as Sshd from "./Sshd.ts"

/** A folder that goes with the scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-ssh-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)

/** Time limits longer than any test: what ends with these has not waited for a time limit. */
export const slowToGiveUp: Partial<Settings> = {
  stopTimeout: Duration.hours(1),
  keepAlive: { interval: Duration.hours(1), count: 3 }
}

/** The SSH client with a home folder of its own, and the events that it publishes. */
export const client = Effect.fnUntraced(function* (
  settings: Partial<Settings> & { readonly env?: Record<string, string> } = {}
) {
  const home = settings.home ?? (yield* folder)
  mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 })
  const { env, ...overrides } = settings
  const defaults = yield* SshSettings
  const layer = Ssh.layer.pipe(
    Layer.provide(
      Layer.succeed(SshSettings, {
        ...defaults,
        agent: undefined,
        system: join(home, "etc-ssh"),
        ...overrides,
        home
      })
    ),
    Layer.provide(Secrets.layer({ root: home, env: env ?? {} }).pipe(Layer.provide(Layer.mock(Processes, {})))),
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(Scrubber.layer),
    Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
  )
  const context = yield* Layer.build(layer)
  const events: Array<Event> = []
  const stream = yield* Context.get(context, Events).subscribe
  yield* Effect.forkScoped(Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))))
  return { ssh: Context.get(context, Ssh), events, home, context }
})

/** A server of a project that is a real sshd. */
export const serverOf = (sshd: Sshd.Sshd, overrides: Partial<Server> = {}): Server => ({
  name: "web1",
  host: sshd.host,
  port: sshd.port,
  user: sshd.user,
  keys: [sshd.keyFile],
  hostKeys: "strict",
  knownHosts: sshd.knownHosts,
  connectTimeout: Duration.seconds(5),
  ...overrides
})

/** A server of a project that is the built-in one. */
export const builtIn = Effect.fnUntraced(function* (options: SshServer.SshServerOptions = {}) {
  const running = yield* SshServer.make(options)
  const dir = yield* folder
  const keyFile = join(dir, "key")
  const knownHosts = join(dir, "known_hosts")
  writeFileSync(keyFile, running.privateKey, { mode: 0o600 })
  writeFileSync(knownHosts, running.knownHostsLine)
  const server: Server = {
    name: "sandbox",
    host: running.host,
    port: running.port,
    user: running.user,
    keys: [keyFile],
    hostKeys: "strict",
    knownHosts,
    connectTimeout: Duration.seconds(5)
  }
  return { running, server }
})

export interface Output {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** Reads a command to its end. */
export const output = Effect.fnUntraced(function* (process: RemoteProcess) {
  const text = (stream: RemoteProcess["stdout"]) => Stream.mkString(Stream.decodeText(stream))
  const [stdout, stderr] = yield* Effect.all([text(process.stdout), text(process.stderr)], { concurrency: 2 })
  return { stdout, stderr, code: yield* process.exitCode } satisfies Output
})

/** Runs a command to its end. */
export const run = (ssh: Ssh["Service"], server: Server, line: string) =>
  Effect.scoped(Effect.flatMap(ssh.exec(server, line), output))

/** A server that takes connections and never says a word. */
export const silentServer = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly server: NetServer; readonly port: number; readonly sockets: Set<Socket> }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
        socket.resume()
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ server, port, sockets }))
      })
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  ),
  ({ port, sockets }) => ({ port, open: () => sockets.size })
)

/** Waits until a server has no open connection. */
export const untilNoSessions = (sshd: Sshd.Sshd): Effect.Effect<boolean> =>
  untilEffect(() => Effect.runSync(sshd.sessions) === 0)

/** The process id that a command writes into a file. */
export const pidIn = (file: string) =>
  Effect.map(
    Effect.promise(() => pidsIn(file)),
    ([pid = 0]) => pid
  )
