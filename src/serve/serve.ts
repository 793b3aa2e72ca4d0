import { Effect, type FileSystem, Layer, type Path, Schedule } from "effect"
import { Etag, HttpPlatform, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { SqlClient } from "effect/sql"
import { statSync } from "node:fs"
import { isIP } from "node:net"
import { resolve } from "node:path"
import { plural } from "../core/text.ts"
import { currentOwner, isAlive } from "../record/Owner.ts"
import { Api } from "./Api.ts"
import type { Commands } from "./Commands.ts"
import { Feed } from "./Feed.ts"
import { authorization, projectHandlers, requestErrors, runHandlers } from "./handlers.ts"
import { Inspector } from "./Inspector.ts"
import { openState } from "./openState.ts"
import { Projects } from "./Projects.ts"
import { recover, Runner } from "./Runner.ts"
import { RunStore } from "./RunStore.ts"
import { AlreadyServing, CannotListen, NoFolderToServe, NoTokenYet } from "./ServeError.ts"
import { Tokens } from "./Tokens.ts"
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

/** Whether only programs on this machine can connect to an address. */
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))

/** Holds the database for this process: two processes would start the same runs. */
const holdState = (file: string) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql.withTransaction(
        Effect.gen(function* () {
          const [holder] = yield* sql<{ readonly owner: string }>`SELECT owner FROM server`
          if (holder !== undefined && isAlive(holder.owner) !== false) {
            const [host = "", , pid = ""] = holder.owner.split(" ")
            return yield* new AlreadyServing({ file, process: `process ${pid} on ${host}` })
          }
          yield* sql`DELETE FROM server`
          yield* sql`INSERT INTO server (id, owner) VALUES (1, ${currentOwner()})`
        })
      )
      return sql
    }),
    (sql) => Effect.ignore(sql`DELETE FROM server`)
  )

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
    Layer.provide([projectHandlers, runHandlers]),
    Layer.provide([authorization, requestErrors])
  ),
  healthRoutes
)

/** Adds what every answer should have. */
const secured = (response: Response): Response => {
  response.headers.set("cache-control", "no-store")
  response.headers.set("x-content-type-options", "nosniff")
  return response
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
    | Commands
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
          maxRequestBodySize: maxBody,
          idleTimeout: 60,
          // No error page with source code.
          development: false,
          // Bun 1.4.5 enables this without `development`. Two servers would then silently share a port.
          reusePort: false,
          fetch: async (request) => secured(await handler(request)),
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
      yield* Effect.forkScoped(Effect.ignore(Effect.repeat(store.prune, Schedule.spaced(pruneEvery))))
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
        Layer.mergeAll(Runner.layer(options), Inspector.layer).pipe(
          Layer.provideMerge(Workers.layer(ownCommand())),
          Layer.provideMerge(Projects.layer(folder)),
          Layer.provideMerge(Feed.layer)
        )
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Layer.mergeAll(Tokens.layer, RunStore.layer), openState(state))),
    Effect.catchTag("SqlError", Effect.die)
  )
})
