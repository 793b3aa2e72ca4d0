import { createHash, createHmac, randomBytes } from "node:crypto"
import { matchesList } from "./config/patterns.ts"
import { knownHostsName } from "./SshError.ts"

/** A known_hosts file and its text. */
export interface KnownHostsFile {
  readonly file: string
  readonly text: string
}

/** The name that known_hosts has for a server: its address, or HostKeyAlias, which stands for any port. */
export interface HostName {
  readonly host: string
  readonly port: number
  readonly alias?: string
}

/** A host's key in a known_hosts file. */
export interface KnownKey {
  readonly file: string
  /** The line number, starting at 1. */
  readonly line: number
  readonly type: string
  /** The public key in SSH wire format, as base64. */
  readonly key: string
  readonly marker: "none" | "revoked" | "cert-authority"
}

/** How a server's host key compares to known_hosts. */
export type HostKeyStatus =
  | { readonly _tag: "Known" }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Changed"; readonly known: KnownKey }
  | { readonly _tag: "Revoked"; readonly known: Pick<KnownKey, "file" | "line"> }
  /** Only a certificate authority is known for the host. This client does not verify certificates. */
  | { readonly _tag: "Certificate"; readonly known: KnownKey }

/** The host key types that ssh2 can verify. */
const types = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"] as const
type KeyType = (typeof types)[number]
const isKeyType = (type: string): type is KeyType => types.some((known) => known === type)

const hash = (salt: Buffer, name: string): string => createHmac("sha1", salt).update(name).digest("base64")

const matchesHashed = (pattern: string, name: string): boolean => {
  const [, , salt, wanted] = pattern.split("|")
  if (salt === undefined || wanted === undefined) return false
  return hash(Buffer.from(salt, "base64"), name) === wanted
}

/** Whether the first field of a line matches a host. A negated pattern that matches overrides all others. */
const matchesHost = (field: string, name: string): boolean => {
  if (field.startsWith("|1|")) return matchesHashed(field, name)
  return matchesList(field.toLowerCase(), name)
}

const markers: Readonly<Record<string, KnownKey["marker"]>> = {
  "@revoked": "revoked",
  "@cert-authority": "cert-authority"
}

/** Finds a host's keys in known_hosts files. Skips invalid lines, as OpenSSH does. */
const lookup = (files: ReadonlyArray<KnownHostsFile>, name: string): ReadonlyArray<KnownKey> =>
  files.flatMap(({ file, text }) =>
    text.split("\n").flatMap((raw, index) => {
      const words = raw.trim().split(/\s+/)
      const marker = words[0]?.startsWith("@") === true ? markers[words.shift() ?? ""] : "none"
      const [field, type, key] = words
      if (field === undefined || field.startsWith("#") || type === undefined || key === undefined) return []
      if (marker === undefined || !matchesHost(field, name)) return []
      return [{ file, line: index + 1, type, key, marker }]
    })
  )

/** A public key's fingerprint, in the format of `ssh-keygen -l`. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

/** The key type, which a public key in wire format starts with. */
export const keyType = (key: Buffer): string => key.toString("utf8", 4, 4 + key.readUInt32BE(0))

/** The length of an RSA key in wire format: the type, the exponent, the modulus. */
export const rsaBits = (key: Buffer): number => {
  let at = 0
  for (let field = 0; field < 2; field++) at += 4 + key.readUInt32BE(at)
  const modulus = key.subarray(at + 4, at + 4 + key.readUInt32BE(at))
  const first = modulus.findIndex((byte) => byte !== 0)
  return first === -1 ? 0 : (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24)
}

/** A host's entries in known_hosts. */
export interface KnownHost {
  /** Compares the host key that a server presents. */
  check(key: Buffer): HostKeyStatus
  /** The host key algorithms to offer. Those of known keys come first, so that the server presents a known key. */
  readonly algorithms: ReadonlyArray<Algorithm>
}

type Algorithm = Exclude<KeyType, "ssh-rsa"> | "rsa-sha2-512" | "rsa-sha2-256"
const algorithms = (type: KeyType): ReadonlyArray<Algorithm> =>
  type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type]

const nameOf = ({ alias, host, port }: HostName): string =>
  alias === undefined ? knownHostsName(host.toLowerCase(), port) : alias.toLowerCase()

/** Reads a host's entries from known_hosts files. They count as one: a key in any of them is known. */
export const read = (files: ReadonlyArray<KnownHostsFile>, name: HostName): KnownHost => {
  const own = lookup(files, nameOf(name))
  // As in OpenSSH, a key recorded without a port is valid on any port, but a different key there is not a changed key here.
  const withoutPort = name.port === 22 || name.alias !== undefined ? [] : lookup(files, name.host.toLowerCase())
  const all = [...own, ...withoutPort]
  const trusted = all.filter(({ marker }) => marker === "none")
  const preferred = types.filter((type) => trusted.some((known) => known.type === type))
  return {
    algorithms: [...preferred, ...types.filter((type) => !preferred.includes(type))].flatMap(algorithms),
    check: (offered) => {
      const key = offered.toString("base64")
      const revoked = all.find((known) => known.marker === "revoked" && known.key === key)
      if (revoked !== undefined) return { _tag: "Revoked", known: revoked }
      if (trusted.some((known) => known.key === key)) return { _tag: "Known" }
      // A key of another type also counts as changed: the server offered none of the known types, which come first.
      const known = own.filter(({ marker, type }) => marker === "none" && isKeyType(type))
      const other = known.find((entry) => entry.type === keyType(offered)) ?? known[0]
      if (other !== undefined) return { _tag: "Changed", known: other }
      const authority = all.find(({ marker }) => marker === "cert-authority")
      return authority === undefined ? { _tag: "Unknown" } : { _tag: "Certificate", known: authority }
    }
  }
}

/** Adds the keys of a RevokedHostKeys file to what is known: one public key a line. */
export const withRevoked = (known: KnownHost, { file, text }: KnownHostsFile): KnownHost => ({
  ...known,
  check: (offered) => {
    const key = offered.toString("base64")
    const line = text.split("\n").findIndex((line) => !line.startsWith("#") && line.split(/\s+/).includes(key))
    return line === -1 ? known.check(offered) : { _tag: "Revoked", known: { file, line: line + 1 } }
  }
})

/**
 * Formats the known_hosts line for a host's key. The name is hashed like OpenSSH's HashKnownHosts does, because it comes
 * from a file: a hash cannot contain a wildcard, a second name or another line.
 */
export const formatLine = (name: HostName, key: Buffer): string => {
  const salt = randomBytes(20)
  const hashed = `|1|${salt.toString("base64")}|${hash(salt, nameOf(name))}`
  return `${hashed} ${keyType(key)} ${key.toString("base64")}\n`
}
