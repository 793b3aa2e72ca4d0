import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from "ssh2"
import { matchesList } from "./patterns.ts"

/** What jiji offers unless told otherwise, and what else the SSH library can do. The preferred one comes first. */
export interface Algorithms<A extends string> {
  readonly usual: ReadonlyArray<A>
  readonly others: ReadonlyArray<A>
}

/** The library's usual key exchanges. */
export const keyExchanges: Algorithms<KexAlgorithm> = {
  usual: [
    "curve25519-sha256@libssh.org",
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group15-sha512",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group17-sha512",
    "diffie-hellman-group18-sha512"
  ],
  others: ["diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"]
}

/** Bun has no chacha20-poly1305. */
export const ciphers: Algorithms<CipherAlgorithm> = {
  usual: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
  others: ["aes256-cbc", "aes192-cbc", "aes128-cbc"]
}

/** The library's usual ones, without SHA-1. */
export const macs: Algorithms<MacAlgorithm> = {
  usual: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  others: ["hmac-sha1-etm@openssh.com", "hmac-sha1"]
}

/** Of host keys and of keys to log in with. */
export const signatures: Algorithms<ServerHostKeyAlgorithm> = {
  usual: [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256"
  ],
  others: []
}

/**
 * Applies a list as ssh_config writes it: it replaces the usual algorithms, or with `+`, `-` or `^` in front it adds to
 * them, removes some, or prefers some. Leaves out what jiji does not have.
 */
export const choose = <A extends string>(list: string, { others, usual }: Algorithms<A>): ReadonlyArray<A> => {
  const sign = /^[-+^]/.exec(list)?.[0]
  const patterns = sign === undefined ? list : list.slice(1)
  const all = [...usual, ...others]
  const named = patterns.split(",").flatMap((pattern) => all.filter((name) => matchesList(pattern, name)))
  if (sign === "-") return usual.filter((name) => !named.includes(name))
  return [...new Set(sign === "+" ? [...usual, ...named] : sign === "^" ? [...named, ...usual] : named)]
}
