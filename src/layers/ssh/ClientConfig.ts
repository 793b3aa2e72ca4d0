import { Effect, FileSystem } from "effect"
import { isAbsolute, join } from "node:path"
import SSHConfig from "ssh-config"
import { SshFileUnusable } from "./SshError.ts"
import { SshSettings } from "./Settings.ts"

/** The settings of ~/.ssh/config for a host. */
export interface HostConfig {
  readonly hostName?: string
  readonly user?: string
  readonly port?: number
  /** Comma-separated; `none` disables jump hosts. */
  readonly proxyJump?: string
  /** Absolute paths. */
  readonly identityFiles: ReadonlyArray<string>
  readonly identitiesOnly: boolean
}

const maxIncludeDepth = 16

/** Reads a config file and inlines the files it includes. */
const readWithIncludes = (
  fs: FileSystem.FileSystem,
  home: string,
  file: string,
  depth: number
): Effect.Effect<string, SshFileUnusable> =>
  Effect.gen(function* () {
    const text = yield* fs
      .readFileString(file)
      .pipe(Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed("")))
    const lines = yield* Effect.forEach(text.split(/\r?\n/), (line) => {
      const include = /^\s*include[\s=]+(.+?)\s*$/i.exec(line)?.[1]
      if (include === undefined || depth === maxIncludeDepth) return Effect.succeed(line)
      return Effect.gen(function* () {
        const parts: Array<string> = []
        for (const word of include.match(/"[^"]*"|\S+/g) ?? []) {
          const pattern = expandTilde(word.replaceAll('"', ""), home)
          const root = join(home, ".ssh")
          const found = yield* fs.glob(isAbsolute(pattern) ? pattern : join(root, pattern))
          for (const path of found) parts.push(yield* readWithIncludes(fs, home, path, depth + 1))
        }
        return parts.join("\n")
      })
    })
    return lines.join("\n")
  }).pipe(
    Effect.catchTag("PlatformError", (cause) => Effect.fail(new SshFileUnusable({ file, operation: "read", cause })))
  )

const expandTilde = (path: string, home: string): string =>
  path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path

const first = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0]

/** Reads ~/.ssh/config and the files it includes. `Match exec` never matches: reading a config must not run commands. */
export const load: Effect.Effect<(alias: string) => HostConfig, SshFileUnusable, FileSystem.FileSystem> = Effect.gen(
  function* () {
    const fs = yield* FileSystem.FileSystem
    const { home, user: localUser } = yield* SshSettings
    const file = join(home, ".ssh", "config")
    const text = yield* readWithIncludes(fs, home, file, 0)
    const config = yield* Effect.try({
      try: () => SSHConfig.parse(text),
      catch: (cause) => new SshFileUnusable({ file, operation: "parse", cause })
    })
    return (alias) => {
      const found = config.compute(alias, { ignoreCase: true, matchExec: false })
      const hostName = first(found["hostname"])?.replaceAll("%h", alias)
      const user = first(found["user"])
      const port = first(found["port"])
      const proxyJump = first(found["proxyjump"])
      const tokens: Record<string, string> = {
        "%": "%",
        d: home,
        h: hostName ?? alias,
        n: alias,
        r: user ?? localUser,
        u: localUser
      }
      const files = found["identityfile"] ?? []
      return {
        ...(hostName === undefined ? {} : { hostName }),
        ...(user === undefined ? {} : { user }),
        ...(port === undefined || !/^\d+$/.test(port) ? {} : { port: Number(port) }),
        ...(proxyJump === undefined ? {} : { proxyJump }),
        identityFiles: (typeof files === "string" ? [files] : files)
          .filter((path) => path !== "none")
          .map((path) => expandTilde(path, home).replace(/%([%dhnru])/g, (_, token: string) => tokens[token] ?? "")),
        identitiesOnly: first(found["identitiesonly"])?.toLowerCase() === "yes"
      }
    }
  }
)
