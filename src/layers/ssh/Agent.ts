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

/** A key that an agent holds, and an agent that knows only this one. */
export interface AgentKey {
  readonly key: ParsedKey
  readonly agent: BaseAgent<ParsedKey>
}

type Identities = Parameters<BaseAgent<ParsedKey>["getIdentities"]>[0]

/** So that every key is one attempt with a name of its own, and none is tried twice. */
class OneKeyAgent extends BaseAgent<ParsedKey> {
  readonly agent: BaseAgent
  readonly key: ParsedKey
  constructor(agent: BaseAgent, key: ParsedKey) {
    super()
    this.agent = agent
    this.key = key
  }
  override getIdentities(done: Identities): void {
    done(undefined, [this.key])
  }
  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback
  ): void {
    if (typeof options === "function") this.agent.sign(key, data, options)
    else this.agent.sign(key, data, options, done)
  }
}

/** An agent may wrap a key in its comment, twice even. */
const publicKey = (key: ParsedKey | PublicKeyEntry): ParsedKey | Error => {
  if (!("pubKey" in key)) return key
  if (!("pubKey" in key.pubKey)) return key.pubKey
  const inner = key.pubKey.pubKey
  return typeof inner === "string" || Buffer.isBuffer(inner) ? parse(inner) : inner
}

/** The keys that the agent at a socket holds; none where no agent answers. Keys on certificates and tokens are left out. */
export const keys = (socket: string): Effect.Effect<ReadonlyArray<AgentKey>> =>
  Effect.callback<ReadonlyArray<AgentKey>>((resume) => {
    const agent = createAgent(socket)
    agent.getIdentities((error, found) => {
      const parsed = (error ? [] : (found ?? [])).map((key) =>
        typeof key === "string" || Buffer.isBuffer(key) ? parse(key) : publicKey(key)
      )
      resume(
        Effect.succeed(
          parsed.flatMap((key) => (key instanceof Error ? [] : [{ key, agent: new OneKeyAgent(agent, key) }]))
        )
      )
    })
  }).pipe(Effect.timeoutOption("5 seconds"), Effect.map(Option.getOrElse((): ReadonlyArray<AgentKey> => [])))
