import { Effect, Option } from "effect"
import { fetchLocal, isLoopback } from "./Loopback.ts"

/** The time limit for one request. */
const requestTimeout = "3 seconds"

/** Registries on other machines may be reachable only through the environment's proxy. */
const fetchRegistry = (url: string) => (isLoopback(new URL(url).host) ? fetchLocal : fetch)

/** The HTTP status of a registry's `/v2/`. None if nothing answers or the responder is not a registry. */
export const status = (url: string): Effect.Effect<Option.Option<number>> =>
  Effect.tryPromise((signal) => fetchRegistry(url)(`${url}/v2/`, { signal, redirect: "manual" })).pipe(
    Effect.tap((response) => Effect.ignore(Effect.tryPromise(() => response.body?.cancel() ?? Promise.resolve()))),
    Effect.timeout(requestTimeout),
    Effect.option,
    Effect.map(Option.filter(({ headers }) => headers.get("Docker-Distribution-Api-Version") === "registry/2.0")),
    Effect.map(Option.map(({ status }) => status))
  )

/** Whether a registry answers and needs no login. */
export const isReady = (url: string): Effect.Effect<boolean> => Effect.map(status(url), Option.contains(200))
