import { createHash } from "node:crypto"
import { hostname } from "node:os"
import { join, resolve } from "node:path"
import { SshConfigRejected } from "../SshError.ts"
import type { Place } from "./evaluate.ts"

/** What the tokens of ssh_config stand for. */
export interface Expansion {
  readonly home: string
  readonly localUser: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The host as the user wrote it, and the one to connect to. */
  readonly alias: string
  readonly host: string
  readonly hostKeyAlias: string | undefined
  readonly port: number
  readonly user: string
  readonly proxyJump: string | undefined
}

const tokensOf = (expansion: Expansion): Readonly<Record<string, string | undefined>> => {
  const { alias, home, host, hostKeyAlias, localUser, port, proxyJump, user } = expansion
  const name = hostname()
  return {
    "%": "%",
    // OpenSSH has added the jump host to the hash in one of its versions.
    C: proxyJump === undefined ? createHash("sha1").update(`${name}${host}${port}${user}`).digest("hex") : undefined,
    d: home,
    h: host,
    i: process.getuid?.().toString(),
    j: proxyJump ?? "",
    k: hostKeyAlias ?? alias,
    L: name.replace(/\..*/s, ""),
    l: name,
    n: alias,
    p: String(port),
    r: user,
    u: localUser
  }
}

/** Expands `%` tokens, only those in `allowed` if it is set. */
export const expandTokens = (
  place: Place,
  text: string,
  expansion: Expansion,
  allowed?: string
): string | SshConfigRejected => {
  const tokens = tokensOf(expansion)
  let unknown: string | undefined
  const expanded = text.replaceAll(/%(.?)/gs, (token, name: string) => {
    const value = allowed === undefined || name === "%" || allowed.includes(name) ? tokens[name] : undefined
    if (value === undefined) unknown ??= token
    return value ?? ""
  })
  return unknown === undefined
    ? expanded
    : new SshConfigRejected({ ...place, problem: "invalid", detail: `it contains ${unknown}` })
}

/** Expands `~`, and makes a path absolute. */
export const expandHome = (place: Place, path: string, home: string): string | SshConfigRejected => {
  if (/^~[^/]/.test(path)) return new SshConfigRejected({ ...place, problem: "unsupported", detail: "with ~USER" })
  return path.startsWith("~") ? join(home, path.slice(1)) : resolve(path)
}

/** Expands `~`, `%` tokens and `${VARIABLE}` in a path. */
export const expandPath = (place: Place, path: string, expansion: Expansion): string | SshConfigRejected => {
  const raw = path.startsWith("~") ? expandHome(place, path, expansion.home) : path
  if (typeof raw !== "string") return raw
  const missing = [...raw.matchAll(/\$\{([^}]*)\}?/g)].find(
    ([text, name = ""]) => !text.endsWith("}") || expansion.env[name] === undefined
  )
  if (missing !== undefined)
    return new SshConfigRejected({ ...place, problem: "invalid", detail: `${missing[0]} is not set` })
  // Each part once: a value may look like a token.
  const parts = raw
    .split(/(\$\{[^}]*\})/)
    .map((part) =>
      part.startsWith("${") ? (expansion.env[part.slice(2, -1)] ?? "") : expandTokens(place, part, expansion)
    )
  const failed = parts.find((part) => typeof part !== "string")
  return failed instanceof SshConfigRejected ? failed : resolve(parts.join(""))
}
