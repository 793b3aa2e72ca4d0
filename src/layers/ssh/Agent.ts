import { Effect, Option } from "effect"
import {
  BaseAgent,
  createAgent,
  type ParsedKey,
  type PublicKeyEntry,
  type SignCallback,
  type SigningRequestOptions
} from "ssh2"
import { parse } from "./PrivateKey.ts"
import { hashOf, limitKey, type RsaAlgorithm } from "./rsaSignature.ts"

/** A key held by an agent, and a view of that agent limited to this one key. */
export interface AgentKey {
  readonly key: ParsedKey
  readonly agent: BaseAgent<ParsedKey>
}

type GetIdentitiesCallback = Parameters<BaseAgent<ParsedKey>["getIdentities"]>[0]

/** An agent limited to one key. This way each key is a separate, named attempt, and no key is tried twice. */
class OneKeyAgent extends BaseAgent<ParsedKey> {
  readonly agent: BaseAgent
  readonly key: ParsedKey
  /** The only algorithm to sign with; undefined lets the library choose. */
  readonly algorithm: RsaAlgorithm | undefined
  constructor(agent: BaseAgent, key: ParsedKey, algorithm?: RsaAlgorithm) {
    super()
    this.agent = agent
    this.key = key
    this.algorithm = algorithm
  }
  override getIdentities(done: GetIdentitiesCallback): void {
    done(undefined, [this.algorithm === undefined ? this.key : limitKey(this.key, this.algorithm)])
  }
  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback
  ): void {
    if (this.algorithm !== undefined)
      this.agent.sign(this.key, data, { hash: hashOf(this.algorithm) }, typeof options === "function" ? options : done)
    else if (typeof options === "function") this.agent.sign(key, data, options)
    else this.agent.sign(key, data, options, done)
  }
}

/** An agent may return a key together with its comment, even nested twice. */
const unwrapKey = (key: ParsedKey | PublicKeyEntry): ParsedKey | Error => {
  if (!("pubKey" in key)) return key
  if (!("pubKey" in key.pubKey)) return key.pubKey
  const inner = key.pubKey.pubKey
  return typeof inner === "string" || Buffer.isBuffer(inner) ? parse(inner) : inner
}

/** A view of an agent's RSA key that signs with this algorithm only. */
export const limit = ({ agent, key }: AgentKey, algorithm: RsaAlgorithm): BaseAgent<ParsedKey> =>
  new OneKeyAgent(agent, key, algorithm)

/** Lists the keys of the agent at a socket; empty if no agent answers within 5 seconds. Skips certificates and hardware tokens. */
export const listKeys = (socket: string): Effect.Effect<ReadonlyArray<AgentKey>> =>
  Effect.callback<ReadonlyArray<AgentKey>>((resume) => {
    const agent = createAgent(socket)
    agent.getIdentities((error, found) => {
      const parsed = (error ? [] : (found ?? [])).map((key) =>
        typeof key === "string" || Buffer.isBuffer(key) ? parse(key) : unwrapKey(key)
      )
      resume(
        Effect.succeed(
          parsed.flatMap((key) => (key instanceof Error ? [] : [{ key, agent: new OneKeyAgent(agent, key) }]))
        )
      )
    })
  }).pipe(Effect.timeoutOption("5 seconds"), Effect.map(Option.getOrElse((): ReadonlyArray<AgentKey> => [])))
