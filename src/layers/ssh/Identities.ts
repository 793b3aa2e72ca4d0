import { Effect, type Redacted } from "effect"
import { join } from "node:path"
import type { BaseAgent, ParsedKey } from "ssh2"
import { KeyUnusable, keyProblemText } from "./SshError.ts"
import * as Agent from "./Agent.ts"
import { fingerprint } from "./KnownHosts.ts"
import type * as PrivateKey from "./PrivateKey.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"

/** A key to offer to the server, and its name in messages. */
export interface Identity {
  readonly label: string
  readonly method:
    | { readonly type: "publickey"; readonly key: ParsedKey }
    | { readonly type: "agent"; readonly agent: BaseAgent<ParsedKey> }
}

/** The keys for a connection in the order to try them, and the names of keys that cannot be used. */
export interface Identities {
  readonly usable: ReadonlyArray<Identity>
  readonly skipped: ReadonlyArray<string>
}

const defaultNames = ["id_ed25519", "id_ecdsa", "id_rsa"]

const agentIdentity = ({ key, agent }: Agent.AgentKey): Identity => ({
  label: `${fingerprint(key.getPublicSSH())} (agent)`,
  method: { type: "agent", agent }
})

/**
 * Collects the keys for a connection.
 *
 * If deploy.yml names keys, only those are used, and each must be usable: from its file, or through the agent if the
 * file is encrypted. Jump hosts also get the keys that ~/.ssh/config names for them.
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
  const { home, agent: socket } = yield* SshSettings
  const agentKeys = socket === undefined || socket === "" ? [] : yield* Agent.listKeys(socket)
  const usable: Array<Identity> = []
  const skipped: Array<string> = []
  const offered: Array<Buffer> = []
  const isOffered = (key: Buffer) => offered.some((other) => other.equals(key))
  const offer = (identity: Identity, key: Buffer) => {
    if (!isOffered(key)) usable.push(identity)
    offered.push(key)
  }
  const findInAgent = (key: Buffer | undefined) =>
    agentKeys.find((entry) => key?.equals(entry.key.getPublicSSH()) === true)

  for (const file of options.keys) {
    const read = yield* options.reader.read(file, options.passphrase)
    const other = read._tag === "Unusable" ? findInAgent(read.publicKey) : undefined
    if (read._tag === "Usable") {
      offer({ label: file, method: { type: "publickey", key: read.key } }, read.key.getPublicSSH())
    } else if (other !== undefined) {
      offer(agentIdentity(other), other.key.getPublicSSH())
    } else {
      return yield* new KeyUnusable({ file, reason: read.problem, cause: read.cause })
    }
  }
  const named = options.keys.length > 0
  if (named && !options.jump) return { usable, skipped }

  const own = options.hop.identityFiles
  const files = own.length > 0 ? own : named ? [] : defaultNames.map((name) => join(home, ".ssh", name))
  const found: Array<{ readonly file: string; readonly read: PrivateKey.KeyFile }> = []
  for (const file of files) found.push({ file, read: yield* options.reader.read(file, options.passphrase) })
  for (const { read } of found) {
    const other = findInAgent(read._tag === "Usable" ? read.key.getPublicSSH() : read.publicKey)
    if (other !== undefined) offer(agentIdentity(other), other.key.getPublicSSH())
  }
  if (!named && !options.hop.identitiesOnly)
    for (const entry of agentKeys) offer(agentIdentity(entry), entry.key.getPublicSSH())
  for (const { file, read } of found) {
    if (read._tag === "Usable") {
      offer({ label: file, method: { type: "publickey", key: read.key } }, read.key.getPublicSSH())
    } else if (findInAgent(read.publicKey) === undefined && (own.length > 0 || read.problem !== "missing")) {
      skipped.push(`${file} (${keyProblemText(read.problem)})`)
    }
  }
  return { usable, skipped }
})
