import { Effect, Scope } from "effect"
import type { Server } from "../../../src/config/Project.ts"
import type { SshServerOptions } from "../../../src/sandbox/SshServer.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, serverOf } from "./fixture.ts"
import { listen } from "./net.ts"

export const servers: ReadonlyArray<
  readonly [string, (refusing?: boolean) => Effect.Effect<Server, never, Scope.Scope>]
> = [
  [
    "a real sshd",
    (refusing) =>
      Effect.map(Sshd.make({ config: { AllowTcpForwarding: refusing === true ? "no" : "yes" } }), (sshd) =>
        serverOf(sshd)
      )
  ],
  [
    "the built-in server",
    (refusing) => {
      const options: SshServerOptions = { forwarding: refusing !== true }
      return Effect.map(builtIn(options), ({ server }) => server)
    }
  ]
]

/** Answers with what it was sent, once the client has ended its side. */
export const echo = listen((socket) => {
  const chunks: Array<Buffer> = []
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)))
  socket.once("end", () => socket.end(Buffer.concat([Buffer.from("you said: "), ...chunks])))
})
