import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { appendFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, folder, serverOf } from "./fixture.ts"

/** A server that accepts an RSA key of 2048 bits, and a client whose ~/.ssh/config has these lines. */
const setup = Effect.fnUntraced(function* (
  lines: string,
  options: { readonly sshd?: Readonly<Record<string, string>>; readonly agent?: boolean } = {}
) {
  const sshd = yield* Sshd.make(options.sshd === undefined ? {} : { config: options.sshd })
  const rsa = join(sshd.dir, "rsa")
  appendFileSync(join(sshd.dir, "authorized_keys"), `${Sshd.keygen(rsa, "rsa")}\n`)
  const socket = join(yield* folder, "agent")
  if (options.agent === true) {
    yield* Effect.acquireRelease(
      Effect.sync(() => /SSH_AGENT_PID=(\d+)/.exec(execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" }))),
      (found) => Effect.sync(() => process.kill(Number(found?.[1])))
    )
    execFileSync("ssh-add", [rsa], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" })
  }
  const { home, ssh } = yield* client(options.agent === true ? { agent: socket } : {})
  writeFileSync(join(home, ".ssh/config"), `Host *\n${lines}\n`)
  return { home, sshd, ssh, server: serverOf(sshd, { keys: options.agent === true ? [] : [rsa] }) }
})

describe("an RSA key signs with the algorithm that PubkeyAcceptedAlgorithms allows", () => {
  for (const algorithm of ["rsa-sha2-256", "rsa-sha2-512"])
    for (const agent of [false, true]) {
      it.live(`${algorithm}, ${agent ? "in the agent" : "from a file"}`, () =>
        Effect.gen(function* () {
          const { server, ssh } = yield* setup(`PubkeyAcceptedAlgorithms ssh-ed25519,${algorithm}`, {
            sshd: { PubkeyAcceptedAlgorithms: algorithm },
            agent
          })
          yield* ssh.connect(server)
        })
      )
    }

  it.live("and with no other, even if the server only accepts that one", () =>
    Effect.gen(function* () {
      const { server, ssh } = yield* setup("PubkeyAcceptedAlgorithms rsa-sha2-512", {
        sshd: { PubkeyAcceptedAlgorithms: "rsa-sha2-256" }
      })
      expect((yield* Effect.flip(ssh.connect(server)))._tag).toBe("AuthenticationFailed")
    })
  )
})
