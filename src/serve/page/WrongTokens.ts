import { Clock, Context, Effect, Layer } from "effect"
import { isIP } from "node:net"

/** How many wrong tokens an address can send in a minute. */
const maxWrong = 20
const minute = 60_000
/** How many addresses are remembered. */
const maxAddresses = 10_000

/** An address without what its owner can choose freely: of IPv6, the network of a single customer. */
const networkOf = (address: string): string => {
  if (isIP(address) !== 6) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = "", tail] = address.split("::")
  const groups = head === "" ? [] : head.split(":")
  const rest = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => "0")
  return [...groups, ...(tail === undefined ? [] : zeros), ...rest].slice(0, 4).join(":")
}

const isLoopback = (address: string): boolean => /^(::1$|127\.|::ffff:127\.)/i.test(address)

/**
 * The address of a client. Behind a proxy on this machine, the one that this proxy saw: the last of `X-Forwarded-For`. Other
 * senders could write any address into that header.
 */
export const clientAddress = (peer: string, forwardedFor: string | null): string => {
  const last = forwardedFor?.split(",").at(-1)?.trim() ?? ""
  return isLoopback(peer) && isIP(last) !== 0 ? last : peer
}

/** The address that the request comes from. */
export const ClientAddress = Context.Reference<string>("jiji/serve/ClientAddress", { defaultValue: () => "" })

/**
 * Counts the wrong tokens of each address. A good token is always taken, also from an address that has sent too many wrong
 * ones: nobody can guess 256 random bits, but many people can share an address.
 */
export class WrongTokens extends Context.Service<
  WrongTokens,
  {
    /** Counts a wrong token from the address of this request. Returns whether these are too many. */
    readonly count: Effect.Effect<boolean>
  }
>()("jiji/serve/WrongTokens") {
  static readonly layer = Layer.sync(WrongTokens, () => {
    const seen = new Map<string, { count: number; readonly until: number }>()
    return WrongTokens.of({
      count: Effect.gen(function* () {
        const network = networkOf(yield* ClientAddress)
        const now = yield* Clock.currentTimeMillis
        const before = seen.get(network)
        const current = before !== undefined && before.until > now ? before : { count: 0, until: now + minute }
        current.count++
        // The map is in the order of insertion, so the first entry is the oldest.
        if (current !== before) seen.delete(network)
        seen.set(network, current)
        for (const [oldest, { until }] of seen) {
          if (until > now && seen.size <= maxAddresses) break
          seen.delete(oldest)
        }
        return current.count > maxWrong
      })
    })
  })
}
