import { Effect, type Redacted } from "effect"
import { join } from "node:path"
import type { BaseAgent, ParsedKey } from "ssh2"
import { KeyUnusable, keyProblemText } from "./SshError.ts"
import * as Agent from "./Agent.ts"
import { fingerprint } from "./KnownHosts.ts"
import type * as PrivateKey from "./PrivateKey.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"

/** One way to log in: a key that is offered to the server, and how it is called in messages. */
export interface Identity {
  readonly label: string
  readonly method:
    | { readonly type: "publickey"; readonly key: ParsedKey }
    | { readonly type: "agent"; readonly agent: BaseAgent<ParsedKey> }
}

/** The keys for a connection, in the order in which they are tried, and the ones that could not be used. */
export interface Identities {
  readonly usable: ReadonlyArray<Identity>
  readonly skipped: ReadonlyArray<string>
}

const defaults = ["id_ed25519", "id_ecdsa", "id_rsa"]

const byAgent = ({ key, agent }: Agent.AgentKey): Identity => ({
  label: `${fingerprint(key.getPublicSSH())} of the agent`,
  method: { type: "agent", agent }
})

/**
 * The keys for a connection. Where the configuration names keys they are the only ones, and each must be usable: by
 * itself, or through the agent where it is encrypted. Otherwise, as OpenSSH has it: the agent's keys, the ones that
 * ~/.ssh/config names first, then the files of ~/.ssh/config, or else the default ones.
 */
export const gather = Effect.fnUntraced(function* <E>(options: {
  readonly reader: PrivateKey.KeyReader
  readonly hop: Hop
  readonly jump: boolean
  readonly keys: ReadonlyArray<string>
  readonly passphrase: Effect.Effect<Redacted.Redacted<string> | undefined, E>
}) {
  const { home, agent: socket } = yield* SshSettings
  const held = socket === undefined || socket === "" ? [] : yield* Agent.keys(socket)
  const usable: Array<Identity> = []
  const skipped: Array<string> = []
  const taken: Array<Buffer> = []
  const isTaken = (key: Buffer) => taken.some((other) => other.equals(key))
  const take = (identity: Identity, key: Buffer) => {
    if (!isTaken(key)) usable.push(identity)
    taken.push(key)
  }
  const holding = (key: Buffer | undefined) => held.find((entry) => key?.equals(entry.key.getPublicSSH()) === true)

  for (const file of options.keys) {
    const read = yield* options.reader.read(file, options.passphrase)
    const other = read._tag === "Unusable" ? holding(read.publicKey) : undefined
    if (read._tag === "Usable") {
      take({ label: file, method: { type: "publickey", key: read.key } }, read.key.getPublicSSH())
    } else if (other !== undefined) {
      take(byAgent(other), other.key.getPublicSSH())
    } else {
      return yield* new KeyUnusable({ file, reason: read.problem, cause: read.cause })
    }
  }
  const named = options.keys.length > 0
  if (named && !options.jump) return { usable, skipped }

  const own = options.hop.identityFiles
  const files = own.length > 0 ? own : named ? [] : defaults.map((name) => join(home, ".ssh", name))
  const found: Array<{ readonly file: string; readonly read: PrivateKey.KeyFile }> = []
  for (const file of files) found.push({ file, read: yield* options.reader.read(file, options.passphrase) })
  for (const { read } of found) {
    const other = holding(read._tag === "Usable" ? read.key.getPublicSSH() : read.publicKey)
    if (other !== undefined) take(byAgent(other), other.key.getPublicSSH())
  }
  if (!named && !options.hop.identitiesOnly) for (const entry of held) take(byAgent(entry), entry.key.getPublicSSH())
  for (const { file, read } of found) {
    if (read._tag === "Usable") {
      take({ label: file, method: { type: "publickey", key: read.key } }, read.key.getPublicSSH())
    } else if (holding(read.publicKey) === undefined && (own.length > 0 || read.problem !== "missing")) {
      skipped.push(`${file} (${keyProblemText(read.problem)})`)
    }
  }
  return { usable, skipped }
})
