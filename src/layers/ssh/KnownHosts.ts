import { createHash, createHmac, randomBytes } from "node:crypto"
import { knownHostsName } from "./SshError.ts"

/** One key that a known_hosts file holds for a host. */
export interface KnownKey {
  /** Counted from 1. */
  readonly line: number
  readonly type: string
  /** The public key as it travels, base64. */
  readonly key: string
  readonly revoked: boolean
}

/** What a known_hosts file says about a host key that a server shows. */
export type Verdict =
  | { readonly _tag: "Known" }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Changed"; readonly known: KnownKey }
  | { readonly _tag: "Revoked"; readonly known: KnownKey }

/** Host key types that this client can verify. */
const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"] as const
type KeyType = (typeof types)[number]
const isKeyType = (type: string): type is KeyType => types.some((known) => known === type)

/** Whether a name is of a pattern with `*` and `?`, in time that no pattern makes long. */
const glob = (pattern: string, name: string): boolean => {
  let [at, inName] = [0, 0]
  // Where the last `*` is, and the first character that it does not stand for.
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

const hashed = (pattern: string, name: string): boolean => {
  const [, , salt, wanted] = pattern.split("|")
  if (salt === undefined || wanted === undefined) return false
  return hash(Buffer.from(salt, "base64"), name) === wanted
}

/** Whether the first field of a line speaks of a host; one negated match outweighs all others. */
const names = (field: string, name: string): boolean => {
  if (field.startsWith("|1|")) return hashed(field, name)
  const patterns = field.toLowerCase().split(",")
  if (patterns.some((p) => p.startsWith("!") && glob(p.slice(1), name))) return false
  return patterns.some((p) => !p.startsWith("!") && glob(p, name))
}

/** The keys that a known_hosts file holds for a host. Lines that mean nothing are passed over, as OpenSSH does. */
const lookup = (text: string, name: string): ReadonlyArray<KnownKey> =>
  text.split("\n").flatMap((raw, index) => {
    const words = raw.trim().split(/\s+/)
    const marker = words[0]?.startsWith("@") === true ? words.shift() : undefined
    const [field, type, key] = words
    if (field === undefined || field.startsWith("#") || type === undefined || key === undefined) return []
    // Certificates are not verified here, so an authority's key must not pass for a host's.
    if (marker !== undefined && marker !== "@revoked") return []
    return names(field, name) ? [{ line: index + 1, type, key, revoked: marker === "@revoked" }] : []
  })

/** A public key's fingerprint, as `ssh-keygen -l` prints it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

/** The type that a public key names itself. */
export const keyType = (key: Buffer): string => key.toString("utf8", 4, 4 + key.readUInt32BE(0))

/** What a known_hosts file says about a host. */
export interface HostRecord {
  /** What is said of a key that the host shows. */
  judge(key: Buffer): Verdict
  /** Host key algorithms to ask for, the ones of known keys first, so that a known key is what the server shows. */
  readonly algorithms: ReadonlyArray<Algorithm>
}

type Algorithm = Exclude<KeyType, "ssh-rsa"> | "rsa-sha2-512" | "rsa-sha2-256"
const algorithms = (type: KeyType): ReadonlyArray<Algorithm> =>
  type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]

/** Reads what a known_hosts file, given as text, says about a host. */
export const read = (text: string, host: string, port: number): HostRecord => {
  const own = lookup(text, knownHostsName(host.toLowerCase(), port))
  // As OpenSSH: a key known for the bare name counts on any port, but that name's other keys do not stand against it.
  const bare = port === 22 ? [] : lookup(text, host.toLowerCase())
  const trusted = [...own, ...bare].filter((known) => !known.revoked)
  const preferred = types.filter((type) => trusted.some((known) => known.type === type))
  return {
    algorithms: [...preferred, ...types.filter((type) => !preferred.includes(type))].flatMap(algorithms),
    judge: (offered) => {
      const key = offered.toString("base64")
      const revoked = [...own, ...bare].find((known) => known.revoked && known.key === key)
      if (revoked !== undefined) return { _tag: "Revoked", known: revoked }
      if (trusted.some((known) => known.key === key)) return { _tag: "Known" }
      // A key of another type is a change too: the known types were asked for first, and the server has none of them.
      const known = own.filter((known) => !known.revoked && isKeyType(known.type))
      const other = known.find((entry) => entry.type === keyType(offered)) ?? known[0]
      return other === undefined ? { _tag: "Unknown" } : { _tag: "Changed", known: other }
    }
  }
}

/**
 * The line that records a host's key. The name is hashed, as OpenSSH's HashKnownHosts does: a host is named in deploy.yml,
 * and what is written here must be able to mean nothing else.
 */
export const line = (host: string, port: number, key: Buffer): string => {
  const salt = randomBytes(20)
  const name = `|1|${salt.toString("base64")}|${hash(salt, knownHostsName(host.toLowerCase(), port))}`
  return `${name} ${keyType(key)} ${key.toString("base64")}\n`
}
