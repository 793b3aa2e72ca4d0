/** A custom pipeline: restarts a container on one server first, then on the others. */
import { Effect, Schedule, Schema } from "effect"
import { type Project, type Server, Machine, Pipeline, Shell, Step, Strategy } from "jiji"

export class NotRestarted extends Schema.TaggedError<NotRestarted>()("NotRestarted", {
  server: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `${this.server}: ${this.detail}`
  }
}

const restarting = Step.make(
  "restart",
  Effect.fnUntraced(function* ({ server }: { readonly server: Server }) {
    const shell = yield* Shell
    const output = yield* shell.run(Machine.remote(server), { words: ["docker", "restart", "shop-web"] })
    if (output.exitCode !== 0) return yield* new NotRestarted({ server: server.name, detail: output.stderr })
  })
)

export const restart = Pipeline.make<{ readonly project: Project }>("restart").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: { readonly project: Project }) => project.servers,
    key: ({ name }) => name,
    strategy: Strategy.canary({ rest: Strategy.parallel() }),
    body: Pipeline.make<{ readonly server: Server }>("server").pipe(
      Pipeline.step(restarting.pipe(Step.retry(Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 2 })))))
    )
  })
)
