import { Duration, Effect, Result } from "effect"
import * as ImageReference from "../../src/config/ImageReference.ts"
import type { Project, Server, Service } from "../../src/config/Project.ts"
import type { Command, Output } from "../../src/layers/processes/Command.ts"
import { label, type Machine } from "../../src/layers/shell/Machine.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import type * as Recording from "../../src/rehearsal/layers.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"

export const server = (name: string, overrides: Partial<Server> = {}): Server => ({
  name,
  host: "203.0.113.10",
  arch: "amd64",
  keys: [],
  hostKeys: "strict",
  knownHosts: "/known_hosts",
  connectTimeout: Duration.seconds(5),
  ...overrides
})

/** A service with a build. */
export const service = (name: string, hosts: ReadonlyArray<string>, overrides: Partial<Service> = {}): Service => ({
  name,
  hosts,
  source: { _tag: "Build", context: `/srv/${name}`, dockerfile: `/srv/${name}/Dockerfile`, args: {} },
  ports: [],
  volumes: [],
  environment: { clear: {}, secrets: [] },
  retain: 3,
  health: { runningFor: Duration.seconds(1), timeout: Duration.seconds(60) },
  ...overrides
})

/** The image source of a service that jiji does not build. */
export const image = (reference: string) =>
  ({ _tag: "Image", image: Result.getOrThrow(ImageReference.parse(reference)) }) as const

export const project = (overrides: Partial<Project> = {}): Project => ({
  name: "shop",
  root: "/srv",
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [server("web1")],
  services: [service("web", ["web1"])],
  ...overrides
})

export const succeeded = (stdout: string): Output => ({ stdout, stderr: "", exitCode: 0 })
export const failed = (stderr: string): Output => ({ stdout: "", stderr, exitCode: 1 })

/** Overrides the rehearsal's answer to a command. Returns undefined to keep it. */
export type Override = (machine: Machine, command: Command) => Output | undefined

/** Formats a command for a test. A script appears by its name, followed by its arguments. */
const shown = ({ script, words }: Command): string => {
  const all = script === undefined ? words : [script, ...words.slice(4)]
  return all.map((word) => (word === "" ? "''" : word)).join(" ")
}

const line = (entry: Recording.Entry): string => {
  switch (entry._tag) {
    case "Command":
      return shown(entry.command)
    case "Connect":
      return "connect"
    case "Forward":
      return `forward ${entry.port}`
    case "Import":
      return `import ${entry.repository}:${entry.tag}`
    case "Serve":
      return `serve ${entry.port}`
  }
}

/** Rehearses the deploy pipeline and returns what it did as short lines. */
export const rehearse = (
  of: Project,
  options: {
    readonly override?: Override
    readonly answers?: ReadonlyArray<Answer.Answer>
    readonly env?: Readonly<Record<string, string>>
    readonly requestedVersion?: string
    readonly isFullDeploy?: boolean
  } = {}
) => {
  const { answers = [], env = {}, override = () => undefined, requestedVersion, isFullDeploy = false } = options
  const input = { project: of, isFullDeploy, ...(requestedVersion !== undefined && { requestedVersion }) }
  const script = { answers: [...answers, Answer.from(override)], secrets: env, layers: Files }
  return Effect.map(Rehearsal.run(deploy, input, script), (rehearsed) => ({
    ...rehearsed,
    /** What happened on one machine, in order. */
    on: (name: string) => rehearsed.entries.filter(({ machine }) => label(machine) === name).map(line),
    all: rehearsed.entries.map((entry) => `${label(entry.machine)}: ${line(entry)}`)
  }))
}
