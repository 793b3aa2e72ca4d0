// Compares the throughput of jiji's reverse forward with `ssh -R` on the same sshd: `bun bench/forward.ts [MB]`
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { connect, createServer } from "node:net"
import { client, serverOf } from "../test/layers/ssh/fixture.ts"
import * as Sshd from "../test/layers/ssh/Sshd.ts"
import { printRounds, report } from "./shared/figures.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"

const megabytes = Number(process.argv[2] ?? 400)
const piece = Buffer.alloc(256 * 1024, "jiji")
const total = megabytes * 1024 * 1024

/** Sends `total` bytes to every client. */
const source = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer((socket) => {
      let left = total
      const push = () => {
        while (left > 0) {
          left -= piece.length
          if (!socket.write(piece)) return
        }
        socket.end()
      }
      socket.on("drain", () => left > 0 && push())
      socket.on("error", () => {})
      push()
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ port, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** Reads all bytes from a port and returns how long it took, in milliseconds. */
const drain = (port: number) =>
  Effect.callback<number>((resume) => {
    const child = spawn("bash", ["-c", `exec 3<>/dev/tcp/127.0.0.1/${port}; head -c ${total} <&3 | wc -c`])
    const start = performance.now()
    let out = ""
    child.stdout.on("data", (data: Buffer) => (out += data.toString()))
    child.on("close", () => {
      if (Number(out) === total) resume(Effect.succeed(performance.now() - start))
      else resume(Effect.die(new Error(`received ${out.trim()} of ${total} bytes from port ${port}`)))
    })
  })

/** The same forward with OpenSSH's client. */
const openssh = (sshd: Sshd.Sshd, port: number, localPort: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const child = spawn("ssh", [
        "-F",
        "none",
        "-N",
        "-i",
        sshd.keyFile,
        "-p",
        String(sshd.port),
        "-o",
        `UserKnownHostsFile=${sshd.knownHosts}`,
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        `127.0.0.1:${port}:127.0.0.1:${localPort}`,
        `${sshd.user}@${sshd.host}`
      ])
      const probe = () =>
        connect({ host: "127.0.0.1", port })
          .on("connect", function (this: ReturnType<typeof connect>) {
            this.destroy()
            resume(Effect.succeed(child))
          })
          .on("error", () => setTimeout(probe, 20))
      probe()
    }),
    (child) => Effect.sync(() => child.kill())
  )

const rateOf = (millis: number): number => megabytes / (millis / 1000)

const program = Effect.scoped(
  Effect.gen(function* () {
    const sshd = yield* Sshd.make()
    const { ssh } = yield* client()
    const { port: localPort } = yield* source
    const theirs = yield* Sshd.freePort
    yield* openssh(sshd, theirs, localPort)
    const ours = yield* ssh.forward(serverOf(sshd), { port: 0, to: localPort })
    const run = Effect.runPromiseWith(yield* Effect.context())
    const rates = yield* Effect.promise(() =>
      interleave(5, {
        jiji: () => run(Effect.map(drain(ours.port), rateOf)),
        ssh: () => run(Effect.map(drain(theirs), rateOf))
      })
    )
    printRounds("ssh -R", rates.ssh, median(rates.ssh), "MB/s")
    printRounds("jiji", rates.jiji, median(rates.jiji), "MB/s")
    const value = ratio(rates.jiji, rates.ssh)
    report({ name: "reverse forward: throughput against ssh -R", value, unit: "times", least: 0.9 })
  })
)

await Effect.runPromise(program)
