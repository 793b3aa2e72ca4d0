import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import type { CommandOptions, Result, Running } from "./Command.ts"
import type { Hosts } from "./Hosts.ts"
import { type ImageOptions, writeContext } from "./Image.ts"
import { program, shortRun } from "../support/program.ts"

/** A project on disk, and jiji in it. */
export interface TestProject {
  /** Holds `.jiji/deploy.yml` and the context of the service `web`. */
  readonly root: string
  /** Rewrites the image's context, like a developer's change. */
  change(image: ImageOptions): void
  /** Runs jiji, whatever its exit code. */
  jiji(args: ReadonlyArray<string>, options?: CommandOptions): Promise<Result>
  /** Starts jiji, for tests that send signals. */
  start(args: ReadonlyArray<string>, options?: CommandOptions): Running
}

/** Merges one value into another like jiji's environments: maps are merged, everything else is replaced. */
const merge = (under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> => {
  const merged = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    merged[key] = isMap(below) && isMap(value) ? merge(below, value) : value
  }
  return merged
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Writes a project with one service, `web`, which is built on the operator, runs on every server and publishes port
 * 8080. `config` is merged into its deploy.yml.
 */
export const writeProject = (
  hosts: Hosts,
  options: {
    readonly name: string
    readonly image: ImageOptions
    readonly config?: Record<string, unknown>
  }
): TestProject => {
  const root = join(hosts.folder, options.name)
  const context = join(root, "web")
  mkdirSync(join(root, ".jiji"), { recursive: true })
  const config = {
    project: options.name,
    builder: { engine: hosts.operator.engine, local: true, registry: { type: "local" } },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    servers: Object.fromEntries(hosts.servers.map(({ name, ip }) => [name, { host: ip }])),
    services: {
      web: {
        build: { context: "./web" },
        hosts: hosts.servers.map(({ name }) => name),
        ports: ["8080:80"],
        health: { running_for: "1s", timeout: "60s" }
      }
    }
  }
  writeFileSync(join(root, ".jiji/deploy.yml"), stringify(merge(config, options.config ?? {})))
  writeContext(context, options.image)
  const start = (args: ReadonlyArray<string>, run: CommandOptions = {}) =>
    hosts.operator.start([program, ...args], { cwd: root, ...run, env: { ...shortRun, ...run.env } })
  return {
    root,
    change: (image) => writeContext(context, image),
    start,
    jiji: (args, run) => start(args, run).done
  }
}
