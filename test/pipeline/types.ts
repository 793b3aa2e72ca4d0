// Only compiled, never run: what must compile and what must not.
import { Context, Effect, Schema, type Scope } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"

class PushFailed extends Schema.TaggedError<PushFailed>()("PushFailed", {}) {}
class TunnelFailed extends Schema.TaggedError<TunnelFailed>()("TunnelFailed", {}) {}
class Docker extends Context.Service<Docker, { push(image: string): Effect.Effect<string, PushFailed> }>()(
  "test/Docker"
) {}
class Ssh extends Context.Service<Ssh, { tunnel(host: string): Effect.Effect<number, TunnelFailed, Scope.Scope> }>()(
  "test/Ssh"
) {}

interface Server {
  readonly name: string
}
interface Config {
  readonly config: { readonly image: string }
}
interface Servers {
  readonly servers: ReadonlyArray<Server>
}

const build = Step.make("build", ({ config }: Config) => Effect.succeed({ image: config.image }))
const push = Step.make(
  "push",
  Effect.fnUntraced(function* (state: { readonly image: string }) {
    return { digest: yield* (yield* Docker).push(state.image) }
  })
)
const tunnel = Step.make(
  "tunnel",
  Effect.fnUntraced(function* (state: { readonly server: Server }) {
    return { port: yield* (yield* Ssh).tunnel(state.server.name) }
  })
)
const maybe = Step.make("maybe", (state: { readonly port: number }) =>
  Effect.succeed(state.port > 1 ? { pulled: true } : Step.skip("already there", { pulled: false }))
)
const onServer = Pipeline.make<{ server: Server; digest: string }>("server").pipe(
  Pipeline.step(tunnel),
  Pipeline.step(maybe)
)
const items = (state: Servers) => state.servers

export const deploy = Pipeline.make<Config & Servers>("deploy").pipe(
  Pipeline.step(build),
  Pipeline.step(push),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items,
    key: (server) => server.name,
    body: onServer,
    collect: { as: "done", value: (state) => state.pulled }
  })
)

// The state, the errors and the services of a whole pipeline are inferred.
type Done = ReadonlyArray<boolean>
export const ok: Effect.Effect<{ digest: string; done: Done }, PushFailed | TunnelFailed, Docker | Ssh | Events> = run(
  deploy,
  { config: { image: "a" }, servers: [] }
)

// The caller of `run` does not have to provide a scope for the steps.
export const own: Effect.Effect<unknown, unknown, Docker | Ssh | Events> = run(deploy, {
  config: { image: "a" },
  servers: []
})

// @ts-expect-error No earlier step adds what the step needs.
export const early = Pipeline.make<Config>("x").pipe(Pipeline.step(push))

const servers = { name: "s", as: "server", items, key: (server: Server) => server.name, body: onServer } as const
// @ts-expect-error The body needs a digest that the state does not have.
export const missing = Pipeline.make<Servers>("x").pipe(Pipeline.forEach(servers))

const numbers = () => [1]
// @ts-expect-error The items have another type than the body needs.
export const wrong = Pipeline.forEach({ name: "s", as: "server", items: numbers, key: () => "", body: onServer })

// Parallel branches: everything that they add is in the state, and the state has what each needs.
const start = Pipeline.make<Config & { readonly server: Server }>("x")
export const both = start.pipe(Pipeline.parallel(build, tunnel), Pipeline.step(push))
// @ts-expect-error A branch does not see what another branch adds.
export const race = start.pipe(Pipeline.parallel(build, push))

// @ts-expect-error The input has the wrong type.
export const from = run(deploy, { config: { image: 1 }, servers: [] })
// @ts-expect-error The input lacks a key.
export const less = run(deploy, { config: { image: "a" } })

const deployed = run(deploy, { config: { image: "a" }, servers: [] })
// @ts-expect-error A required service is missing.
// @effect-diagnostics-next-line missingEffectContext:off
export const bare: Effect.Effect<unknown, unknown, Ssh | Events> = deployed
// @ts-expect-error An error is missing.
// @effect-diagnostics-next-line missingEffectError:off
export const failing: Effect.Effect<unknown, PushFailed, Docker | Ssh | Events> = deployed
