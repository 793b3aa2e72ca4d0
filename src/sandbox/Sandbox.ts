import { Effect, FileSystem, Path, PlatformError, Schema, type Scope } from "effect"
import { connect } from "node:net"
import { stringify } from "yaml"
import type { Project } from "../config/Project.ts"
import { accessDenied, defineError } from "../core/defineError.ts"
import { systemErrorRemedy, systemErrorText } from "../core/systemError.ts"
import * as SshServer from "./SshServer.ts"

/** The name of the environment for the sandbox: `jiji deploy -e sandbox`. */
export const environment = "sandbox"

/** Marks a file as written by a sandbox, including one that a killed run left behind. */
const marker = "# Written by `jiji sandbox`"
const header = `${marker}, which removes it when it ends.`

/** The project already has an environment called `sandbox`, which jiji did not write. */
export class SandboxFileTaken extends defineError<SandboxFileTaken>()("SandboxFileTaken", {
  fields: { file: Schema.String },
  message: (e) => `${e.file} already exists, and \`jiji sandbox\` did not write it.`,
  remedy: "Rename that environment.",
  exitCode: "configuration",
  sample: { file: ".jiji/deploy.sandbox.yml" }
}) {}

/** Another sandbox of this project is running. */
export class SandboxRunning extends defineError<SandboxRunning>()("SandboxRunning", {
  fields: { file: Schema.String, port: Schema.Int },
  message: (e) => `A sandbox of this project is already running on 127.0.0.1:${e.port} (see ${e.file}).`,
  remedy: `Deploy to it with \`jiji deploy -e ${environment}\`, or end it first. If none is running, delete that file.`,
  exitCode: "failed",
  sample: { file: ".jiji/deploy.sandbox.yml", port: 40711 }
}) {}

/** The sandbox's files cannot be written. */
export class SandboxNotWritten extends defineError<SandboxNotWritten>()("SandboxNotWritten", {
  fields: { reason: Schema.instanceOf(PlatformError.PlatformError) },
  message: (e) => `The sandbox cannot start: ${systemErrorText(e.reason)}.`,
  remedy: (e) =>
    `${systemErrorRemedy(e.reason)} The sandbox writes into .jiji and into the folder for temporary files.`,
  exitCode: "permission",
  sample: { reason: accessDenied(".jiji/deploy.sandbox.yml") }
}) {}

export type SandboxError = SandboxFileTaken | SandboxRunning | SandboxNotWritten

/** A running throwaway server, and the files of the environment that uses it. Paths are absolute. */
export interface Sandbox extends SshServer.RunningSshServer {
  /** The environment's file: `.jiji/deploy.sandbox.yml`. */
  readonly file: string
  /** The file with the private key that the server accepts. */
  readonly keyFile: string
  /** A known_hosts file with the server's host key. */
  readonly knownHosts: string
}

/** The environment's file, which is merged on top of deploy.yml: one server that runs all services. */
export const overlay = (
  project: Project,
  server: SshServer.RunningSshServer,
  files: { readonly keyFile: string; readonly knownHosts: string }
): string => {
  const { host, port, user } = server
  return `${header}\n${stringify({
    ssh: { known_hosts: files.knownHosts, host_keys: "strict" },
    // The project's jump hosts cannot reach this machine's loopback address.
    servers: { [environment]: { host, port, user, keys: [files.keyFile], proxy: "none" } },
    services: Object.fromEntries(project.services.map(({ name }) => [name, { hosts: [environment] }]))
  })}`
}

/** Whether something accepts connections on a port of 127.0.0.1. */
const isListening = (port: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: "2 seconds", orElse: () => Effect.succeed(true) }))

/**
 * Starts a throwaway SSH server on 127.0.0.1, and writes an environment `sandbox` that deploys to it. Closing the scope
 * removes both. Fails if the project already has an environment of that name, if another sandbox of the project is running,
 * or if the files cannot be written.
 */
export const make = (
  project: Project,
  options?: SshServer.SshServerOptions
): Effect.Effect<Sandbox, SandboxError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.join(project.root, ".jiji", `deploy.${environment}.yml`)
    const existing = yield* fs.readFileString(file).pipe(
      Effect.asSome,
      Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone)
    )
    if (existing._tag === "Some") {
      if (!existing.value.startsWith(marker)) return yield* new SandboxFileTaken({ file })
      const port = Number(/^ +port: (\d{1,5})$/m.exec(existing.value)?.[1] ?? 0)
      if (port > 0 && port < 65_536 && (yield* isListening(port))) return yield* new SandboxRunning({ file, port })
      yield* fs.remove(file)
    }

    const server = yield* SshServer.make(options)
    const dir = yield* fs.makeTempDirectoryScoped({ prefix: "jiji-sandbox-" })
    yield* fs.chmod(dir, 0o700)
    const keyFile = path.join(dir, "id_ed25519")
    const knownHosts = path.join(dir, "known_hosts")
    yield* fs.writeFileString(keyFile, server.privateKey, { mode: 0o600 })
    yield* fs.writeFileString(knownHosts, server.knownHostsLine, { mode: 0o600 })
    const text = overlay(project, server, { keyFile, knownHosts })
    yield* Effect.acquireRelease(
      // `wx` fails if the file has been created in the meantime.
      fs.writeFileString(file, text, { mode: 0o600, flag: "wx" }),
      () =>
        Effect.ignore(Effect.flatMap(fs.readFileString(file), (now) => (now === text ? fs.remove(file) : Effect.void)))
    )
    return { ...server, file, keyFile, knownHosts }
  }).pipe(Effect.catchTag("PlatformError", (reason) => Effect.fail(new SandboxNotWritten({ reason }))))
