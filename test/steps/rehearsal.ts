import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import type { Project, Server, Service } from "../../src/config/Project.ts"
import type { Command, Output } from "../../src/layers/Command.ts"
import { Docker } from "../../src/layers/Docker.ts"
import { Git } from "../../src/layers/Git.ts"
import { label, type Machine } from "../../src/layers/Machine.ts"
import { Secrets } from "../../src/layers/Secrets.ts"
import { Ssh } from "../../src/layers/Ssh.ts"
import type { Event } from "../../src/pipeline/Event.ts"
import { Events } from "../../src/pipeline/Events.ts"
import { run } from "../../src/pipeline/run.ts"
import { Scrubber } from "../../src/pipeline/Scrubber.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import { answers } from "../../src/testing/DryRun.ts"
import * as Recording from "../../src/testing/Recording.ts"
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

/** A service that is built. */
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

export const image = (reference: string) => ({ _tag: "Image", image: reference }) as const

export const project = (overrides: Partial<Project> = {}): Project => ({
  name: "shop",
  root: "/srv",
  engine: "docker",
  registry: { type: "local", port: 9270 },
  servers: [server("web1")],
  services: [service("web", ["web1"])],
  ...overrides
})

export const said = (stdout: string): Output => ({ stdout, stderr: "", exitCode: 0 })
export const failed = (stderr: string): Output => ({ stdout: "", stderr, exitCode: 1 })

/** What a machine answers in place of what a rehearsal would; nothing where it is to be that. */
export type Instead = (machine: Machine, command: Command) => Output | undefined

/** A command as a test reads it: a script by its name, with its arguments up to those of `create`. */
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

/** Runs the whole pipeline of a deploy over recording layers. */
export const rehearse = Effect.fnUntraced(function* (
  of: Project,
  options: {
    readonly instead?: Instead
    readonly env?: Readonly<Record<string, string>>
    readonly wanted?: string
    readonly whole?: boolean
    readonly ssh?: Layer.Layer<Ssh>
  } = {}
) {
  const usual = answers(of)
  const answer: Recording.Answer = (machine, command) => {
    const answer = options.instead?.(machine, command)
    if (answer !== undefined) return answer
    return command.script === "git version" ? said("abc1234\n") : usual(machine, command)
  }
  const recording = Recording.layer(answer)
  const layers = Layer.mergeAll(Docker.layer, Git.layer).pipe(
    Layer.provideMerge(options.ssh === undefined ? recording : Layer.merge(recording, options.ssh)),
    Layer.provideMerge(Secrets.layer({ root: "/nowhere", env: options.env ?? {} }).pipe(Layer.provide(recording))),
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(Scrubber.layer),
    Layer.provideMerge(Files)
  )
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const events: Array<Event> = []
      const stream = yield* (yield* Events).subscribe
      const reader = yield* stream.pipe(
        Stream.takeUntil((event) => /^Run(Succeeded|Failed|Interrupted)$/.test(event._tag)),
        Stream.runForEach((event) => Effect.sync(() => events.push(event))),
        Effect.forkChild
      )
      const { wanted, whole = false } = options
      const input = { project: of, whole, ...(wanted !== undefined && { wanted }) }
      const exit = yield* Effect.exit(run(deploy, input))
      yield* Fiber.join(reader)
      const { entries } = yield* Recording.Recording
      return {
        exit,
        events,
        entries,
        /** What was done on a machine, in order. */
        on: (name: string) => entries.filter(({ machine }) => label(machine) === name).map(line),
        all: entries.map((entry) => `${label(entry.machine)}: ${line(entry)}`)
      }
    })
  ).pipe(Effect.provide(layers))
})
