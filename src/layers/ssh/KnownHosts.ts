import { createHash, createHmac, randomBytes } from "node:crypto"
import { knownHostsName } from "./SshError.ts"

/** A host's key in a known_hosts file. */
export interface KnownKey {
  /** The line number, starting at 1. */
  readonly line: number
  readonly type: string
  /** The public key in SSH wire format, as base64. */
  readonly key: string
  readonly revoked: boolean
}

/** How a server's host key compares to known_hosts. */
export type HostKeyStatus =
  | { readonly _tag: "Known" }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Changed"; readonly known: KnownKey }
  | { readonly _tag: "Revoked"; readonly known: KnownKey }

/** The host key types that ssh2 can verify. */
const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"] as const
type KeyType = (typeof types)[number]
const isKeyType = (type: string): type is KeyType => types.some((known) => known === type)

/** Matches a name against a pattern with `*` and `?`. No pattern takes exponential time. */
const matchesGlob = (pattern: string, name: string): boolean => {
  let [at, inName] = [0, 0]
  // The position of the last `*`, and the first character of the name that it does not cover.
  let [star, covered] = [-1, 0]
  while (inName < name.length) {
    if (pattern[at] === "*") {
      star = at++
      covered = inName
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[inName])) {
      at++
      inName++
    } else if (star >= 0) {
      at = star + 1
      inName = ++covered
    } else return false
  }
  while (pattern[at] === "*") at++
  return at === pattern.length
}

const hash = (salt: Buffer, name: string): string => createHmac("sha1", salt).update(name).digest("base64")

const matchesHashed = (pattern: string, name: string): boolean => {
  const [, , salt, wanted] = pattern.split("|")
  if (salt === undefined || wanted === undefined) return false
  return hash(Buffer.from(salt, "base64"), name) === wanted
}

/** Whether the first field of a line matches a host. A negated pattern that matches overrides all others. */
const matchesHost = (field: string, name: string): boolean => {
  if (field.startsWith("|1|")) return matchesHashed(field, name)
  const patterns = field.toLowerCase().split(",")
  if (patterns.some((p) => p.startsWith("!") && matchesGlob(p.slice(1), name))) return false
  return patterns.some((p) => !p.startsWith("!") && matchesGlob(p, name))
}

/** Finds a host's keys in the text of a known_hosts file. Skips invalid lines, as OpenSSH does. */
const lookup = (text: string, name: string): ReadonlyArray<KnownKey> =>
  text.split("\n").flatMap((raw, index) => {
    const words = raw.trim().split(/\s+/)
    const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined
    const [field, type, key] = words
    if (field === undefined || field.startsWith("#") || type === undefined || key === undefined) return []
    // This client does not verify certificates, so it must not take a certificate authority's key for a host key.
    if (marker !== undefined && marker !== "@revoked") return []
    return matchesHost(field, name) ? [{ line: index + 1, type, key, revoked: marker === "@revoked" }] : []
  })

/** A public key's fingerprint, in the format of `ssh-keygen -l`. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

/** The key type, which a public key in wire format starts with. */
const keyType = (key: Buffer): string => key.toString("utf8", 4, 4 + key.readUInt32BE(0))

/** A host's entries in a known_hosts file. */
export interface KnownHost {
  /** Compares the host key that a server presents. */
  check(key: Buffer): HostKeyStatus
  /** The host key algorithms to offer. Those of known keys come first, so that the server presents a known key. */
  readonly algorithms: ReadonlyArray<Algorithm>
}

type Algorithm = Exclude<KeyType, "ssh-rsa"> | "rsa-sha2-512" | "rsa-sha2-256"
const algorithms = (type: KeyType): ReadonlyArray<Algorithm> =>
  type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]

/** Reads a host's entries from the text of a known_hosts file. */
export const read = (text: string, host: string, port: number): KnownHost => {
  const own = lookup(text, knownHostsName(host.toLowerCase(), port))
  // As in OpenSSH, a key recorded without a port is valid on any port, but a different key there is not a changed key here.
  const withoutPort = port === 22 ? [] : lookup(text, host.toLowerCase())
  const trusted = [...own, ...withoutPort].filter((known) => !known.revoked)
  const preferred = types.filter((type) => trusted.some((known) => known.type === type))
  return {
    algorithms: [...preferred, ...types.filter((type) => !preferred.includes(type))].flatMap(algorithms),
    check: (offered) => {
      const key = offered.toString("base64")
      const revoked = [...own, ...withoutPort].find((known) => known.revoked && known.key === key)
      if (revoked !== undefined) return { _tag: "Revoked", known: revoked }
      if (trusted.some((known) => known.key === key)) return { _tag: "Known" }
      // A key of another type also counts as changed: the server offered none of the known types, which come first.
      const known = own.filter((known) => !known.revoked && isKeyType(known.type))
      const other = known.find((entry) => entry.type === keyType(offered)) ?? known[0]
      return other === undefined ? { _tag: "Unknown" } : { _tag: "Changed", known: other }
    }
  }
}

/**
 * Formats the known_hosts line for a host's key. The name is hashed like OpenSSH's HashKnownHosts does, because it comes
 * from deploy.yml: a hash cannot contain a wildcard, a second name or another line.
 */
export const formatLine = (host: string, port: number, key: Buffer): string => {
  const salt = randomBytes(20)
  const name = `|1|${salt.toString("base64")}|${hash(salt, knownHostsName(host.toLowerCase(), port))}`
  return `${name} ${keyType(key)} ${key.toString("base64")}\n`
}
