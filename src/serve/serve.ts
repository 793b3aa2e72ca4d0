import { Context, Effect, type FileSystem, Layer, type Path, Schedule } from "effect"
import { Etag, HttpPlatform, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { SqlClient } from "effect/sql"
import { statSync } from "node:fs"
import { isIP } from "node:net"
import { resolve } from "node:path"
import { plural } from "../core/text.ts"
import { Api } from "./Api.ts"
import type { Commands } from "./Commands.ts"
import { Feed } from "./Feed.ts"
import { authorization, projectHandlers, requestErrors, runHandlers } from "./handlers.ts"
import { Inspector } from "./Inspector.ts"
import { holdState } from "./holdState.ts"
import { isLoopback } from "./isLoopback.ts"
import { limitedBody, saysTooLarge } from "./limitedBody.ts"
import { openState } from "./openState.ts"
import { Identify } from "./page/identify.ts"
import { secured } from "./page/policies.ts"
import { pageRoutes } from "./page/routes.ts"
import { Sessions } from "./page/Sessions.ts"
import { ClientAddress, clientAddress, WrongTokens } from "./page/WrongTokens.ts"
import { Projects } from "./Projects.ts"
import { recover, Runner } from "./Runner.ts"
import { RunStore } from "./RunStore.ts"
import { CannotListen, NoFolderToServe, NoTokenYet } from "./ServeError.ts"
import { Tokens } from "./Tokens.ts"
import { followClock } from "./triggers/cron.ts"
import { Deliveries } from "./triggers/Deliveries.ts"
import type { HookSecrets } from "./triggers/HookSecrets.ts"
import { hookRoutes, maxHookBody } from "./triggers/hookRoutes.ts"
import { followRuns } from "./triggers/runEnds.ts"
import { triggerHandlers } from "./triggers/handlers.ts"
import { Triggers } from "./triggers/Triggers.ts"
import { ownCommand, Workers } from "./Workers.ts"

/** The largest body of a request to the API. */
const maxBody = 1024 * 1024

/** How often old runs are deleted. */
const pruneEvery = "1 hour"

export interface ServeOptions {
  /** The folder with the projects. */
  readonly folder: string
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** The file of the database. */
  readonly state: string
  /** The file with the history of runs on this machine, which every `jiji` writes. */
  readonly history: string
  /** How many runs run at the same time. */
  readonly concurrency: number
  /** How long a stop waits for runs, in milliseconds. */
  readonly drain: number
  /** Prints a line for the person who started it. */
  readonly print: (line: string) => Effect.Effect<void>
}

/** Whether the service lives, and whether it can take requests. Neither needs a token. */
const healthRoutes = Layer.mergeAll(
  HttpRouter.add("GET", "/health", Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "ok" }))),
  HttpRouter.add(
    "GET",
    "/ready",
    Effect.gen(function* () {
      const isDraining = yield* (yield* Runner).isDraining
      const check = yield* Effect.result((yield* RunStore).check)
      const problem = isDraining ? "stopping" : check._tag === "Failure" ? "the database does not answer" : undefined
      return problem === undefined
        ? HttpServerResponse.jsonUnsafe({ status: "ready" })
        : HttpServerResponse.jsonUnsafe({ status: "not ready", problem }, { status: 503 })
    })
  )
)

const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/api/openapi.json" }).pipe(
    Layer.provide([projectHandlers, runHandlers, triggerHandlers]),
    Layer.provide([authorization, requestErrors])
  ),
  healthRoutes,
  pageRoutes,
  hookRoutes
)

const isHook = ({ url }: Request): boolean => new URL(url).pathname.startsWith("/hooks/")

/** Answers a request whose body is not too large for the API. */
const limited = async (request: Request, handler: (request: Request) => Promise<Response>): Promise<Response> => {
  const tooLarge = () => Response.json({ message: "The body is too large." }, { status: 413 })
  if (saysTooLarge(request.headers, maxBody)) return tooLarge()
  if (request.body === null || request.headers.has("content-length")) return handler(request)
  const body = await limitedBody(request.body, maxBody)
  return body === undefined ? tooLarge() : handler(new Request(request, { method: request.method, body }))
}

/** The server's own errors, such as for an address that does not exist, have a message like the others. */
const withMessage = (response: Response, { pathname }: URL): Response => {
  const isError = response.status >= 400 && response.headers.get("content-type")?.includes("json") !== true
  if (!isError || !pathname.startsWith("/api/")) return response
  const messages: Readonly<Record<number, string | undefined>> = {
    404: "There is no such address. GET /api/openapi.json describes all.",
    415: "Send JSON, with the header `Content-Type: application/json`."
  }
  const message = messages[response.status] ?? `jiji serve answers with status ${response.status}.`
  return Response.json({ message }, { status: response.status })
}

/** Answers requests until the scope closes. */
const listen = Effect.fnUntraced(function* (options: ServeOptions) {
  const { host } = options
  type Services =
    | RunStore
    | Runner
    | Projects
    | Inspector
    | Feed
    | Tokens
    | Sessions
    | Identify
    | SqlClient.SqlClient
    | Commands
    | Deliveries
    | HookSecrets
    | Triggers
    | FileSystem.FileSystem
    | Path.Path
  const context = yield* Effect.context<Services>()
  const app = Layer.provide(routes, Layer.merge(HttpPlatform.layer, Etag.layerWeak))
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() =>
      HttpRouter.toWebHandler(Layer.provideMerge(app, Layer.succeedContext(context)), { disableLogger: true })
    ),
    ({ dispose }) => Effect.promise(dispose)
  )
  const server = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        Bun.serve({
          hostname: host,
          port: options.port,
          // Bun refuses more than this before it has read anything.
          maxRequestBodySize: maxHookBody,
          idleTimeout: 60,
          // No error page with source code.
          development: false,
          // Bun 1.4.5 enables this without `development`. Two servers would then silently share a port.
          reusePort: false,
          fetch: async (request, server) => {
            const peer = server.requestIP(request)?.address ?? ""
            const address = clientAddress(peer, request.headers.get("x-forwarded-for"))
            const answer = (request: Request) => handler(request, Context.make(ClientAddress, address))
            const response = await (isHook(request) ? answer(request) : limited(request, answer))
            return secured(withMessage(response, new URL(request.url)))
          },
          error: () => Response.json({ message: "jiji serve has failed." }, { status: 500 })
        }),
      catch: (cause) => {
        const code = cause instanceof Error && "code" in cause ? cause.code : undefined
        const detail =
          code === "EADDRINUSE" ? "the port is in use" : cause instanceof Error ? cause.message : String(cause)
        return new CannotListen({ host, port: options.port, detail })
      }
    }),
    (server) => Effect.promise(() => server.stop(true))
  )
  return server.port ?? options.port
})

/** Serves until it is interrupted. Then waits for the runs that run. */
export const serve = Effect.fnUntraced(function* (options: ServeOptions) {
  const { host, print, state } = options
  const folder = resolve(options.folder)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return yield* new NoFolderToServe({ folder })
  return yield* Effect.gen(function* () {
    const tokens = yield* Tokens
    const hasTokens = (yield* tokens.list).length > 0
    if (!isLoopback(host) && !hasTokens) return yield* new NoTokenYet({ host })
    yield* holdState(state)
    // Before this process runs anything itself.
    const orphans = yield* (yield* RunStore).running
    return yield* Effect.gen(function* () {
      const runner = yield* Runner
      const workers = yield* Workers
      const store = yield* RunStore
      yield* workers.prepare
      const port = yield* listen(options)
      const prune = Effect.andThen(store.prune, (yield* Deliveries).prune)
      yield* Effect.forkScoped(Effect.ignore(Effect.repeat(prune, Schedule.spaced(pruneEvery))))
      yield* Effect.forkScoped(followClock)
      yield* Effect.forkScoped(followRuns)
      const count = plural((yield* (yield* Projects).list).length, "project")
      yield* print(`Serving ${count} in ${folder} at http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`)
      if (!hasTokens) yield* print("Nobody has a token yet: `jiji token create NAME --role administer` makes one.")
      yield* Effect.forkScoped(
        Effect.forEach(orphans, (run) => Effect.andThen(recover(run, options.history), runner.wake), {
          concurrency: "unbounded"
        })
      )
      return yield* Effect.onInterrupt(Effect.never, () =>
        Effect.gen(function* () {
          const running = yield* Effect.orElseSucceed(store.running, () => [])
          if (running.length > 0) {
            yield* print(
              `Stopping: waiting for ${plural(running.length, "run")}. Queued runs start with the next jiji serve.`
            )
          }
          yield* runner.drain(options.drain)
        })
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.mergeAll(Runner.layer(options), Triggers.layer).pipe(
          Layer.provideMerge(Inspector.layer),
          Layer.provideMerge(Workers.layer(ownCommand())),
          Layer.provideMerge(Projects.layer(folder)),
          Layer.provideMerge(Feed.layer),
          Layer.provideMerge(Identify.layer),
          Layer.provideMerge(Layer.merge(Sessions.layer, WrongTokens.layer))
        )
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.provideMerge(Layer.mergeAll(Tokens.layer, RunStore.layer, Deliveries.layer), openState(state))
    ),
    Effect.catchTag("SqlError", Effect.die)
  )
})
