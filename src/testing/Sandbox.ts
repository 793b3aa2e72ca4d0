import { Effect, FileSystem, Path, PlatformError, Schema, type Scope } from "effect"
import { stringify } from "yaml"
import type { Project } from "../config/Project.ts"
import { ExitCode } from "../pipeline/Failure.ts"
import * as SshServer from "./SshServer.ts"

/** The environment that a sandbox is reached under: `jiji deploy -e sandbox`. */
export const environment = "sandbox"

/** By this line a file is known to be a sandbox's, also one that a killed run has left. */
const header = "# Written by `jiji sandbox`, which takes it away again when it ends."

/** There is an environment of this name already, and it is somebody's own. */
export class SandboxFileTaken extends Schema.TaggedError<SandboxFileTaken>()("SandboxFileTaken", {
  file: Schema.String
}) {
  override get message() {
    return `${this.file} is there already, and no sandbox has written it.`
  }
  get remedy() {
    return "Give that environment another name."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** The sandbox's files cannot be written. */
export class SandboxNotWritten extends Schema.TaggedError<SandboxNotWritten>()("SandboxNotWritten", {
  reason: Schema.instanceOf(PlatformError.PlatformError)
}) {
  override get message() {
    return `The sandbox's files cannot be written: ${this.reason.message}`
  }
  get remedy() {
    return "Make .jiji and the folder for temporary files places that your user may write to."
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** A server of nobody's, and the environment that leads to it. */
export interface Sandbox extends SshServer.RunningSshServer {
  /** The environment's file. */
  readonly file: string
  /** The file of the key that the server lets in. */
  readonly keyFile: string
  /** A known_hosts file that holds the server's host key. */
  readonly knownHosts: string
}

/** What is laid over deploy.yml: one server, on which all services run. */
export const overlay = (
  project: Project,
  server: SshServer.RunningSshServer,
  files: { readonly keyFile: string; readonly knownHosts: string }
): string => {
  const { host, port, user } = server
  return `${header}\n${stringify({
    ssh: { known_hosts: files.knownHosts, host_keys: "strict" },
    // A jump host of the project's own servers does not lead to this machine's loopback.
    servers: { [environment]: { host, port, user, keys: [files.keyFile], proxy: "none" } },
    services: Object.fromEntries(project.services.map(({ name }) => [name, { hosts: [environment] }]))
  })}`
}

/**
 * Starts a throwaway SSH server on this machine's loopback, and writes an environment by the name of `sandbox` that
 * leads to it. With the scope, both are gone.
 */
export const make = (
  project: Project,
  options?: SshServer.SshServerOptions
): Effect.Effect<Sandbox, SandboxFileTaken | SandboxNotWritten, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.join(project.root, ".jiji", `deploy.${environment}.yml`)
    const isOwn = fs.readFileString(file).pipe(Effect.map((text) => text.startsWith(header)))

    const found = yield* isOwn.pipe(
      Effect.asSome,
      Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone)
    )
    if (found._tag === "Some") {
      if (!found.value) return yield* new SandboxFileTaken({ file })
      yield* fs.remove(file)
    }

    const server = yield* SshServer.make(options)
    const dir = yield* fs.makeTempDirectoryScoped({ prefix: "jiji-sandbox-" })
    yield* fs.chmod(dir, 0o700)
    const keyFile = path.join(dir, "id_ed25519")
    const knownHosts = path.join(dir, "known_hosts")
    yield* fs.writeFileString(keyFile, server.privateKey, { mode: 0o600 })
    yield* fs.writeFileString(knownHosts, server.knownHostsLine, { mode: 0o600 })
    yield* Effect.acquireRelease(
      // Refuses a file that has come into being since.
      fs.writeFileString(file, overlay(project, server, { keyFile, knownHosts }), { mode: 0o600, flag: "wx" }),
      () => Effect.ignore(Effect.flatMap(isOwn, (own) => (own ? fs.remove(file) : Effect.void)))
    )
    return { ...server, file, keyFile, knownHosts }
  }).pipe(Effect.catchTag("PlatformError", (reason) => Effect.fail(new SandboxNotWritten({ reason }))))
