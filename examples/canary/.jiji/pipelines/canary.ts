import { Effect, Schema } from "effect"
import { deploy, ExitCode, Machine, Pipeline, type Project, Runnable, Shell, Step, Strategy } from "jiji"

export class SmokeTestFailed extends Schema.TaggedError<SmokeTestFailed>()("SmokeTestFailed", {
  server: Schema.String,
  url: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.server} does not answer ${this.url} as it should: ${this.detail}`
  }
  readonly remedy = "Look at the container's log there; the servers after it were not touched."
  readonly exitCode = ExitCode.failed
}

const flags = Schema.Struct({
  path: Schema.String.check(Schema.isPattern(/^\//, { message: "Expected a path that begins with /" })).annotateKey({
    description: "The page to request"
  }),
  port: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(8080))).annotateKey({
    description: "The published port"
  })
})
type Input = typeof flags.Type & { readonly project: Project }

/** Requests the page on each server itself. It is a command like any other, so --dry-run prints it. */
const smoke = Step.make(
  "smoke",
  Effect.fnUntraced(function* ({ path, port, project }: Input) {
    const shell = yield* Shell
    const url = `http://127.0.0.1:${port}${path}`
    const words = [
      "curl",
      "--fail",
      "--silent",
      "--show-error",
      "--max-time",
      "5",
      "--output",
      "/dev/null",
      url
    ] as const
    for (const server of project.servers) {
      const { exitCode, stderr } = yield* shell.run(Machine.remote(server), { words })
      if (exitCode !== 0) return yield* new SmokeTestFailed({ server: server.name, url, detail: stderr.trim() })
    }
  })
)

/** The project reduced to some of its servers and the services on them. */
const part = (project: Project, from: number, to?: number): Project => {
  const servers = project.servers.slice(from, to)
  const names = new Set(servers.map(({ name }) => name))
  return {
    ...project,
    servers,
    services: project.services.filter(({ hosts }) => hosts.some((host) => names.has(host)))
  }
}

export const canary = Pipeline.make<Input>("canary").pipe(
  Pipeline.forEach({
    name: "waves",
    as: "project",
    items: ({ project }: Input) => [part(project, 0, 1), part(project, 1)].filter(({ servers }) => servers.length > 0),
    key: ({ servers }) => servers.map(({ name }) => name).join("+"),
    strategy: Strategy.rolling(), // stops after a wave that fails
    body: Pipeline.make<Input>("wave").pipe(Pipeline.pipeline(deploy), Pipeline.step(smoke))
  })
)

export default Runnable.make({
  description: "Deploy to one server, request a page from it, then deploy to the others",
  flags,
  pipeline: canary
})
