import { Effect, FileSystem, Redacted, Semaphore } from "effect"
import { createHash } from "node:crypto"
import { type ParsedKey, utils } from "ssh2"
import type { KeyProblem } from "./SshError.ts"

/** The result of reading a private key file: the key, or why it cannot be used. */
export type KeyFile =
  | { readonly _tag: "Usable"; readonly key: ParsedKey }
  | {
      readonly _tag: "Unusable"
      readonly problem: KeyProblem
      readonly cause: unknown
      /** The public key, if it can be read without the passphrase. */
      readonly publicKey?: Buffer
    }

/** Parses the first key in a text. ssh2 throws on some invalid input and returns an error on other. */
export const parse = (text: string | Buffer, passphrase?: string): ParsedKey | Error => {
  try {
    // For a file with several keys ssh2 returns an array, which its types omit.
    const parsed: ParsedKey | Error | ReadonlyArray<ParsedKey> = utils.parseKey(text, passphrase)
    const key = Array.isArray(parsed) ? parsed[0] : parsed
    return key ?? new Error("the file is empty")
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  }
}

/** Reads the public key from an encrypted OpenSSH private key, which contains it unencrypted. */
const clearPublicKey = (text: string): Buffer | undefined => {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1]
  if (body === undefined) return undefined
  const bytes = Buffer.from(body, "base64")
  let at = "openssh-key-v1\0".length
  const field = () => {
    if (at + 4 > bytes.length) return undefined
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    return at > bytes.length ? undefined : bytes.subarray(start, at)
  }
  // Skip the cipher, the key derivation function, its options, and the number of keys (always one).
  if (field() === undefined || field() === undefined || field() === undefined) return undefined
  at += 4
  return field()
}

const problemOf = (error: Error, hasPassphrase: boolean): KeyProblem => {
  if (/no passphrase given/i.test(error.message)) return "passphrase-needed"
  return hasPassphrase && /passphrase|integrity|decrypt/i.test(error.message) ? "passphrase-wrong" : "malformed"
}

/** Reads private keys. */
export interface KeyReader {
  /** Reads a key file. Runs `passphrase` only if the key is encrypted. */
  read<E>(file: string, passphrase: Effect.Effect<Redacted.Redacted<string> | undefined, E>): Effect.Effect<KeyFile, E>
  /** Whether a file exists. */
  exists(file: string): Effect.Effect<boolean>
}

/** Makes a reader that decrypts each key only once, because that blocks the process for up to a second. */
export const make: Effect.Effect<KeyReader, never, FileSystem.FileSystem> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const reading = yield* Semaphore.make(1)
  const opened = new Map<string, ParsedKey | Error>()
  const open = (text: string, passphrase: string): ParsedKey | Error => {
    const name = createHash("sha256").update(passphrase).update("\0").update(text).digest("hex")
    const key = opened.get(name) ?? parse(text, passphrase)
    opened.set(name, key)
    return key
  }

  const read = Effect.fnUntraced(function* <E>(
    file: string,
    passphrase: Effect.Effect<Redacted.Redacted<string> | undefined, E>
  ): Effect.fn.Return<KeyFile, E> {
    const text = yield* Effect.result(fs.readFileString(file))
    if (text._tag === "Failure") {
      const problem = text.failure.reason._tag === "NotFound" ? "missing" : "unreadable"
      return { _tag: "Unusable", problem, cause: text.failure }
    }
    const plain = parse(text.success)
    if (!(plain instanceof Error)) {
      if (plain.isPrivateKey()) return { _tag: "Usable", key: plain }
      const publicKey = plain.getPublicSSH()
      return { _tag: "Unusable", problem: "public-only", cause: new Error("it is a public key"), publicKey }
    }
    const problem = problemOf(plain, false)
    const secret = problem === "passphrase-needed" ? yield* passphrase : undefined
    if (secret !== undefined) {
      const key = open(text.success, Redacted.value(secret))
      if (!(key instanceof Error)) return { _tag: "Usable", key }
      return { _tag: "Unusable", problem: problemOf(key, true), cause: key }
    }
    const publicKey = clearPublicKey(text.success)
    return { _tag: "Unusable", problem, cause: plain, ...(publicKey === undefined ? {} : { publicKey }) }
  })
  return {
    read: (file, passphrase) => reading.withPermit(read(file, passphrase)),
    exists: (file) => Effect.orElseSucceed(fs.exists(file), () => false)
  }
})
