import { Effect } from "effect"
import type { Server } from "../../config/Project.ts"
import { ProxyInvalid } from "./SshError.ts"
import type { HostConfig } from "./ClientConfig.ts"
import { SshSettings } from "./Settings.ts"

/** One SSH connection on the way to a server: the address, the user and the key files. */
export interface Hop {
  readonly host: string
  readonly port: number
  readonly user: string
  /** Absolute paths from ~/.ssh/config. */
  readonly identityFiles: ReadonlyArray<string>
  readonly identitiesOnly: boolean
}

interface Address {
  readonly host: string
  readonly port?: number
  readonly user?: string
}

/** Parses `[user@]host[:port]` or a URL `ssh://…`. An IPv6 address with a port needs brackets. */
const parseAddress = (text: string): Address | undefined => {
  const match =
    /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(?:\[([0-9A-Fa-f:.%]+)\]|([^@\s[\]:/]+)|([0-9A-Fa-f:.%]+))(?::(\d{1,5}))?\/?$/.exec(
      text
    )
  const host = match?.[2] ?? match?.[3] ?? match?.[4]
  const port = match?.[5] === undefined ? undefined : Number(match[5])
  if (host === undefined || (port !== undefined && (port < 1 || port > 65535))) return undefined
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(match?.[1] === undefined ? {} : { user: match[1] })
  }
}

/** Resolves the hops to a server in connection order: its jump hosts, then the server. deploy.yml overrides ~/.ssh/config. */
export const route = Effect.fnUntraced(function* (server: Server, config: (alias: string) => HostConfig) {
  const settings = yield* SshSettings

  const hops = (
    address: Address,
    proxy: string | undefined,
    seen: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<Hop>, ProxyInvalid> =>
    Effect.gen(function* () {
      const found = config(address.host)
      const hop: Hop = {
        host: found.hostName ?? address.host,
        port: address.port ?? found.port ?? 22,
        user: address.user ?? found.user ?? settings.user,
        identityFiles: found.identityFiles,
        identitiesOnly: found.identitiesOnly
      }
      const key = `${hop.host}:${hop.port}`
      if (seen.includes(key))
        return yield* new ProxyInvalid({
          server: server.name,
          proxy: [...seen, key].toReversed().join(" → "),
          problem: "loop"
        })
      const jumps = proxy ?? found.proxyJump ?? "none"
      if (jumps.toLowerCase() === "none") return [hop]
      // `a,b` means: connect to b through a. Only the first one uses its own ProxyJump from ~/.ssh/config.
      const at = jumps.lastIndexOf(",")
      const last = jumps.slice(at + 1).trim()
      const jump = parseAddress(last)
      if (jump === undefined) return yield* new ProxyInvalid({ server: server.name, proxy: last, problem: "syntax" })
      const before = yield* hops(jump, at === -1 ? undefined : jumps.slice(0, at), [...seen, key])
      return [...before, hop]
    })

  return yield* hops(server, server.proxy, [])
})
