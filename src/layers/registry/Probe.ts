import { Effect, Option } from "effect"
import { fetchLocal, isLoopback } from "./Loopback.ts"

/** How long one question may take. */
const limit = "3 seconds"

/** A registry elsewhere may be reached through the environment's proxy alone. */
const ask = (url: string) => (isLoopback(new URL(url).host) ? fetchLocal : fetch)

/** The HTTP status that a registry answers at `/v2/` with; nothing where it does not answer, or is no registry. */
export const status = (url: string): Effect.Effect<Option.Option<number>> =>
  Effect.tryPromise((signal) => ask(url)(`${url}/v2/`, { signal, redirect: "manual" })).pipe(
    Effect.tap((response) => Effect.ignore(Effect.tryPromise(() => response.body?.cancel() ?? Promise.resolve()))),
    Effect.timeout(limit),
    Effect.option,
    Effect.map(Option.filter(({ headers }) => headers.get("Docker-Distribution-Api-Version") === "registry/2.0")),
    Effect.map(Option.map(({ status }) => status))
  )

/** Whether a registry that asks for no login answers. */
export const answers = (url: string): Effect.Effect<boolean> => Effect.map(status(url), Option.contains(200))
