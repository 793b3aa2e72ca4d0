import { Effect, type Redacted } from "effect"
import { join } from "node:path"
import type { ParsedKey } from "ssh2"
import { type KeyProblem, KeyUnusable, keyProblemText } from "./SshError.ts"
import * as Agent from "./Agent.ts"
import type { HostConfig } from "./config/HostConfig.ts"
import { fingerprint, keyType, rsaBits } from "./KnownHosts.ts"
import type * as PrivateKey from "./PrivateKey.ts"
import type { Hop } from "./Route.ts"
import { limitKey, rsaAlgorithms } from "./rsaSignature.ts"
import { SshSettings } from "./Settings.ts"

/** A key to offer to the server, and its name in messages. */
export interface Identity {
  readonly label: string
  readonly method:
    | { readonly type: "publickey"; readonly key: ParsedKey }
    | ({ readonly type: "agent" } & Agent.AgentKey)
}

/** The keys for a connection in the order to try them, and the names of keys that cannot be used. */
export interface Identities {
  readonly usable: ReadonlyArray<Identity>
  readonly skipped: ReadonlyArray<string>
}

const defaultNames = ["id_ed25519", "id_ecdsa", "id_rsa"]

const agentIdentity = (entry: Agent.AgentKey): Identity => ({
  label: `${fingerprint(entry.key.getPublicSSH())} (agent)`,
  method: { type: "agent", ...entry }
})

/** The identity, signing only as ~/.ssh/config allows; undefined if that does not let its key log in. */
const allowed = (identity: Identity, { minimumRsaBits, publicKeyAlgorithms }: HostConfig): Identity | undefined => {
  const { method } = identity
  const key = method.key.getPublicSSH()
  const type = keyType(key)
  if (type !== "ssh-rsa") return publicKeyAlgorithms.includes(type) ? identity : undefined
  const [algorithm, ...others] = rsaAlgorithms.filter((name) => publicKeyAlgorithms.includes(name))
  if (algorithm === undefined || rsaBits(key) < minimumRsaBits) return undefined
  // The library chooses between the two.
  if (others.length > 0) return identity
  return {
    ...identity,
    method:
      method.type === "agent"
        ? { ...method, agent: Agent.limit(method, algorithm) }
        : { ...method, key: limitKey(method.key, algorithm) }
  }
}

/**
 * Collects the keys for a connection.
 *
 * If deploy.yml names keys, only those are used, and each must be usable: from its file, or through the agent if the
 * file is encrypted or a public key. Jump hosts also get the keys that ~/.ssh/config names for them.
 *
 * Otherwise the order is OpenSSH's: first the agent's keys (starting with those that ~/.ssh/config names), then the key
 * files in ~/.ssh/config or, if it names none, the default files.
 */
export const load = Effect.fnUntraced(function* <E>(options: {
  readonly reader: PrivateKey.KeyReader
  readonly hop: Hop
  readonly jump: boolean
  readonly keys: ReadonlyArray<string>
  readonly passphrase: Effect.Effect<Redacted.Redacted<string> | undefined, E>
}) {
  const { config } = options.hop
  const { home, agent } = yield* SshSettings
  const socket = config.agent === undefined ? agent : config.agent.socket
  const agentKeys = socket === undefined || socket === "" ? [] : yield* Agent.listKeys(socket)
  const usable: Array<Identity> = []
  const skipped: Array<string> = []
  const offered: Array<Buffer> = []
  const isOffered = (key: Buffer) => offered.some((other) => other.equals(key))
  const skip = (label: string, problem: KeyProblem) => void skipped.push(`${label} (${keyProblemText(problem)})`)
  const offer = (identity: Identity, key: Buffer) => {
    if (isOffered(key)) return
    offered.push(key)
    const limited = allowed(identity, config)
    if (limited === undefined) skip(identity.label, "disallowed")
    else usable.push(limited)
  }
  const findInAgent = (key: Buffer | undefined) =>
    agentKeys.find((entry) => key?.equals(entry.key.getPublicSSH()) === true)
  /** Offers a key from the agent, under the name of its file. */
  const offerFromAgent = (file: string, entry: Agent.AgentKey) => {
    const identity = agentIdentity(entry)
    offer({ ...identity, label: `${file} (agent)` }, entry.key.getPublicSSH())
  }
  /** Reads a key file. If it has no public key that can be read, `FILE.pub` may have one. */
  const read = Effect.fnUntraced(function* (file: string) {
    const key = yield* options.reader.read(file, options.passphrase)
    if (key._tag === "Usable" || key.publicKey !== undefined || file.endsWith(".pub")) return key
    const beside = yield* options.reader.read(`${file}.pub`, Effect.undefined)
    return beside._tag === "Unusable" && beside.publicKey !== undefined ? { ...key, publicKey: beside.publicKey } : key
  })
  const skipCertificate = Effect.fnUntraced(function* (file: string) {
    if (yield* options.reader.exists(file)) skip(file, "certificate")
  })

  for (const file of options.keys) {
    const key = yield* read(file)
    const other = key._tag === "Unusable" ? findInAgent(key.publicKey) : undefined
    if (key._tag === "Usable") {
      offer({ label: file, method: { type: "publickey", key: key.key } }, key.key.getPublicSSH())
    } else if (other !== undefined) {
      offerFromAgent(file, other)
    } else {
      return yield* new KeyUnusable({ file, reason: key.problem, cause: key.cause })
    }
  }
  for (const file of options.keys) yield* skipCertificate(`${file}-cert.pub`)
  const named = options.keys.length > 0
  if (named && !options.jump) return { usable, skipped }

  const own = config.identityFiles
  const files = own ?? (named ? [] : defaultNames.map((name) => join(home, ".ssh", name)))
  const found: Array<{ readonly file: string; readonly key: PrivateKey.KeyFile }> = []
  for (const file of files) found.push({ file, key: yield* read(file) })
  for (const { file, key } of found) {
    const other = findInAgent(key._tag === "Usable" ? key.key.getPublicSSH() : key.publicKey)
    if (other !== undefined) offerFromAgent(file, other)
  }
  if (!named && !config.identitiesOnly)
    for (const entry of agentKeys) offer(agentIdentity(entry), entry.key.getPublicSSH())
  for (const { file, key } of found) {
    if (key._tag === "Usable") {
      offer({ label: file, method: { type: "publickey", key: key.key } }, key.key.getPublicSSH())
    } else if (findInAgent(key.publicKey) === undefined && (own !== undefined || key.problem !== "missing")) {
      skip(file, key.problem)
    }
  }
  for (const file of config.certificateFiles) skip(file, "certificate")
  for (const file of files) yield* skipCertificate(`${file}-cert.pub`)
  return { usable, skipped }
})
