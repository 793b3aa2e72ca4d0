import { Duration, Effect } from "effect"
import { join } from "node:path"
import type { HostKeys, Server } from "../../config/Project.ts"
import { ProxyInvalid, type SshConfigRejected, type SshFileUnusable } from "./SshError.ts"
import type { ConfigFiles } from "./config/ConfigFiles.ts"
import * as HostConfig from "./config/HostConfig.ts"
import type { KnownHostsLookup } from "./HostKeys.ts"
import { SshSettings } from "./Settings.ts"

/** One SSH connection on the way to a server: the address, the user, and what ~/.ssh/config says about them. */
export interface Hop {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly config: HostConfig.HostConfig
  readonly knownHosts: KnownHostsLookup
  readonly hostKeys: HostKeys
  readonly connectTimeout: Duration.Duration
}

interface Address {
  readonly host: string
  readonly port?: number
  readonly user?: string
}

/** Parses `[user@]host[:port]` or a URL `ssh://…`. An IPv6 address needs brackets. */
const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:ssh:\/\/)?(?:([^\s]+)@)?(?:\[([^\s[\]]+)\]|([^@\s[\]:/]+))(?::(\d*))?\/?$/.exec(text)
  const host = match?.[2] ?? match?.[3]
  const port = match?.[4] === undefined || match[4] === "" ? undefined : Number(match[4])
  if (host === undefined || (port !== undefined && (port < 1 || port > 65535))) return undefined
  return {
    host,
    ...(port === undefined ? {} : { port }),
    ...(match?.[1] === undefined ? {} : { user: match[1] })
  }
}

/** Where the keys of a hop are known, and what happens to unknown ones. */
const hostKeyRules = (server: Server, config: HostConfig.HostConfig, home: string) => {
  const isDefault = (setting: "knownHosts" | "hostKeys" | "connectTimeout") =>
    server.defaults?.includes(setting) === true
  const usual = isDefault("knownHosts")
    ? (config.userKnownHosts ?? [server.knownHosts, join(home, ".ssh", "known_hosts2")])
    : [server.knownHosts]
  const [record] = usual
  const knownHosts: KnownHostsLookup = {
    host: config.hostName,
    port: config.port,
    files: [...usual, ...config.globalKnownHosts],
    // The usual way to say that nothing is to be recorded.
    record: record === "/dev/null" ? undefined : record,
    ...(config.hostKeyAlias === undefined ? {} : { alias: config.hostKeyAlias }),
    ...(config.revokedHostKeys === undefined ? {} : { revoked: config.revokedHostKeys })
  }
  const timeout = config.connectTimeout
  return {
    knownHosts,
    hostKeys: isDefault("hostKeys") ? (config.hostKeys ?? server.hostKeys) : server.hostKeys,
    connectTimeout:
      isDefault("connectTimeout") && timeout !== undefined ? Duration.seconds(timeout) : server.connectTimeout
  }
}

/** The options of ssh_config that deploy.yml replaces for a connection. */
const unusedOptions = (server: Server, isTarget: boolean): ReadonlySet<string> => {
  const defaults = server.defaults ?? []
  return new Set([
    ...(isTarget && server.keys.length > 0 ? ["identityfile", "identitiesonly", "certificatefile"] : []),
    ...(defaults.includes("knownHosts") ? [] : ["userknownhostsfile"]),
    ...(defaults.includes("hostKeys") ? [] : ["stricthostkeychecking"]),
    ...(defaults.includes("connectTimeout") ? [] : ["connecttimeout"])
  ])
}

/** Resolves the hops to a server in connection order: its jump hosts, then the server. deploy.yml overrides ~/.ssh/config. */
export const route = Effect.fnUntraced(function* (server: Server, files: ConfigFiles) {
  const settings = yield* SshSettings

  const hops = (
    address: Address,
    proxy: string | undefined,
    seen: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<Hop>, ProxyInvalid | SshConfigRejected | SshFileUnusable> =>
    Effect.gen(function* () {
      const overrides = new Map<string, string>()
      if (address.user !== undefined) overrides.set("user", address.user)
      if (address.port !== undefined) overrides.set("port", String(address.port))
      if (proxy !== undefined) overrides.set("proxyjump", proxy)
      const unused = unusedOptions(server, seen.length === 0)
      const config = yield* HostConfig.load(files, settings, { alias: address.host, overrides, unused })
      const hop: Hop = {
        host: config.hostName,
        port: config.port,
        user: config.user,
        config,
        ...hostKeyRules(server, config, settings.home)
      }
      const key = `${hop.host}:${hop.port}`
      if (seen.includes(key))
        return yield* new ProxyInvalid({
          server: server.name,
          proxy: [...seen, key].toReversed().join(" → "),
          problem: "loop"
        })
      if (config.proxy === undefined || "command" in config.proxy) return [hop]
      const jumps = config.proxy.jump
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
