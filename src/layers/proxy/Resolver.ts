import { lookup } from "node:dns/promises"
import { isIP } from "node:net"
import { Effect, Option } from "effect"

/** Finds the addresses of a host: an empty list if it has none; none if that cannot be found out now. */
export type Resolver = (host: string) => Effect.Effect<Option.Option<ReadonlyArray<string>>>

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOTFOUND" || error.code === "ENODATA")

/** The resolver of this machine. It gets three seconds. */
export const live: Resolver = (host) =>
  isIP(host) > 0
    ? Effect.succeedSome([host])
    : Effect.promise(() =>
        lookup(host, { all: true }).then(
          (found) => Option.some(found.map(({ address }) => address)),
          (error: unknown) => (isMissing(error) ? Option.some<ReadonlyArray<string>>([]) : Option.none())
        )
      ).pipe(
        Effect.timeoutOption("3 seconds"),
        Effect.map((found) => Option.flatten(found))
      )

/** Knows nothing, as in a dry run. */
export const none: Resolver = () => Effect.succeedNone
