// Compares the local registry with the engine's own `save` and with a plain file server: `bun bench/registry.ts [MB]`.
// Uses the local docker. If there is none, starts a machine with docker as the tests do, which needs root. Each part runs
// in its own process, so that memory is measured separately.
import { randomBytes } from "node:crypto"
import { createWriteStream } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Duration, Effect, Stream } from "effect"
import { registryIn } from "../test/layers/registry/fixtures.ts"

const rounds = 5
const megabyte = 1024 * 1024
const print = (line: string) => process.stdout.write(`${line}\n`)
const median = (values: ReadonlyArray<number>) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
/** Prints a value and its limit. */
const judge = (what: string, value: number, target: number, unit = "") =>
  print(
    `${what.padEnd(56)}${`${value.toFixed(2)}${unit}`.padStart(8)}   target ≤ ${target}${unit}   ${value <= target ? "ok" : "MISSED"}`
  )
const naming = (imageId: string) => ({ imageId, repository: "bench", tag: "v1" })
const run = (...words: ReadonlyArray<string>) => {
  const { exitCode, stderr, stdout } = Bun.spawnSync([...words])
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr.toString()}`)
  return stdout.toString().trim()
}

/** What each process does. It prints its result as one line of JSON, and its peak memory when its stdin ends. */
const parts = {
  import: async (directory: string, imageId: string) => {
    const child = Bun.spawn(["docker", "save", imageId], { stdout: "pipe", stderr: "inherit" })
    const archive = Stream.fromReadableStream({ evaluate: () => child.stdout, onError: (cause) => cause })
    const add = Effect.flatMap(registryIn(directory), (registry) =>
      Effect.timed(registry.add({ ...naming(imageId), archive }))
    )
    // Servers can pull from this point on. The end of the scope also waits for the disk.
    const [took, { added, layers }] = await Effect.runPromise(Effect.scoped(add))
    return { added, layers, seconds: Duration.toSeconds(took) }
  },
  find: async (directory: string, imageId: string) => {
    const find = Effect.flatMap(registryIn(directory), (registry) => registry.find(naming(imageId)))
    const start = performance.now()
    const found = await Effect.runPromise(Effect.scoped(find))
    return { found: found._tag, seconds: (performance.now() - start) / 1000 }
  },
  registry: (directory: string) =>
    new Promise((resolve) => {
      const serve = Effect.flatMap(registryIn(directory), (registry) => registry.serve({ port: 0 }))
      void Effect.runPromise(
        Effect.scoped(
          Effect.andThen(
            Effect.tap(serve, (served) => Effect.sync(() => resolve(served))),
            Effect.never
          )
        )
      )
    }),
  /** Forwards two ports of one sshd to two local ports. */
  tunnel: async (registry: string, files: string) => {
    // Loaded only here, because it would count toward the memory of the other parts.
    const { client, serverOf } = await import("../test/layers/ssh/fixture.ts")
    const Sshd = await import("../test/layers/ssh/Sshd.ts")
    return new Promise((resolve) => {
      const tunnel = Effect.gen(function* () {
        const sshd = yield* Sshd.make()
        const { ssh } = yield* client()
        const forward = (to: string) => ssh.forward(serverOf(sshd), { port: 0, to: Number(to) })
        resolve({ registry: (yield* forward(registry)).port, files: (yield* forward(files)).port })
        return yield* Effect.never
      })
      void Effect.runPromise(Effect.scoped(tunnel))
    })
  },
  files: async (directory: string) => {
    const fetch = (request: Request) => new Response(Bun.file(join(directory, new URL(request.url).pathname)))
    return { port: Bun.serve({ hostname: "127.0.0.1", port: 0, fetch }).port }
  }
} as const

const [mode = "200", ...args] = process.argv.slice(2)

/** Starts a part and returns its result. `end` ends it and returns its peak memory in MB. */
const start = async (part: keyof typeof parts, ...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, import.meta.path, part, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit"
  })
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  const line = async () => JSON.parse((await lines.read()).value ?? "null")
  const result = await line()
  const end = async (): Promise<number> => {
    void child.stdin.end()
    const peak = await line()
    await child.exited
    return peak
  }
  return { result, end }
}

/** Downloads a file at `rate` bytes per second or less, and returns the seconds that it took. */
const download = (port: number, path: string, size: number, rate = Infinity) =>
  new Promise<number>((resolve, reject) => {
    const began = performance.now()
    let got = 0
    const socket = connect(port, "127.0.0.1", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`))
    socket.on("data", (chunk: Buffer) => {
      got += chunk.length
      if (got >= size) {
        socket.destroy()
        resolve((performance.now() - began) / 1000)
      }
      const early = (got / rate) * 1000 - (performance.now() - began)
      if (early > 5) {
        socket.pause()
        setTimeout(() => socket.resume(), early)
      }
    })
    socket.on("error", reject)
  })

/** Builds an image with one layer of random bytes and returns its ID. */
const build = async (folder: string, megabytes: number) => {
  const file = createWriteStream(join(folder, "blob"))
  for (let at = 0; at < megabytes; at++) {
    if (!file.write(randomBytes(megabyte))) await new Promise((resolve) => file.once("drain", resolve))
  }
  await new Promise((resolve) => file.end(resolve))
  await Bun.write(join(folder, "Dockerfile"), 'FROM scratch\nCOPY blob /blob\nCMD ["/blob"]\n')
  run("docker", "build", "--quiet", "--tag", `jiji-bench-registry:${process.pid}`, folder)
  return run("docker", "image", "inspect", "--format", "{{.Id}}", `jiji-bench-registry:${process.pid}`)
}

const benchImport = async (folder: string, imageId: string) => {
  const seconds: { readonly save: Array<number>; readonly add: Array<number> } = { save: [], add: [] }
  let peak = 0
  // Alternates, so that other load on the machine affects both.
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    run("sh", "-c", `docker save ${imageId} > '${folder}/image.tar'`)
    seconds.save.push((performance.now() - began) / 1000)
    await rm(join(folder, "image.tar"))
    await rm(join(folder, "store"), { recursive: true, force: true })
    const added = await start("import", join(folder, "store"), imageId)
    seconds.add.push(added.result.seconds)
    peak = Math.max(peak, await added.end())
  }
  const again = await start("import", join(folder, "store"), imageId)
  const repeat = await start("find", join(folder, "store"), imageId)
  await Promise.all([again.end(), repeat.end()])
  const [save, add] = [median(seconds.save), median(seconds.add)]
  print(`docker save > file   ${seconds.save.map((s) => s.toFixed(2)).join(" ")}  median ${save.toFixed(2)} s`)
  print(`import               ${seconds.add.map((s) => s.toFixed(2)).join(" ")}  median ${add.toFixed(2)} s`)
  print(`import again         ${again.result.seconds.toFixed(2)} s, ${again.result.added} bytes added`)
  judge("import a new image, relative to docker save > file", add / save, 1.3)
  judge("peak memory of the import", peak, 160, " MB")
  judge("find an unchanged image", repeat.result.seconds, 0.3, " s")
  return again.result.layers[0]
}

const benchServe = async (folder: string, blob: { readonly digest: string; readonly size: number }) => {
  const blobs = join(folder, "store/blobs/sha256")
  const [registry, files] = await Promise.all([start("registry", join(folder, "store")), start("files", blobs)])
  const tunnel = await start("tunnel", String(registry.result.port), String(files.result.port))
  const path = `/v2/bench/blobs/${blob.digest}`
  const plain = `/${blob.digest.slice("sha256:".length)}`
  const seconds: { readonly files: Array<number>; readonly registry: Array<number> } = { files: [], registry: [] }
  for (let round = 0; round < rounds; round++) {
    seconds.files.push(await download(tunnel.result.files, plain, blob.size))
    seconds.registry.push(await download(tunnel.result.registry, path, blob.size))
  }
  const slow = 4
  await Promise.all([
    download(registry.result.port, path, blob.size),
    download(registry.result.port, path, blob.size, blob.size / slow)
  ])
  const [peak] = await Promise.all([registry.end(), files.end(), tunnel.end()])
  const [theirs, ours] = [median(seconds.files), median(seconds.registry)]
  print(`plain file server    ${seconds.files.map((s) => s.toFixed(2)).join(" ")}  median ${theirs.toFixed(2)} s`)
  print(`serve                ${seconds.registry.map((s) => s.toFixed(2)).join(" ")}  median ${ours.toFixed(2)} s`)
  judge("serve through a tunnel, relative to a file server", ours / theirs, 1.1)
  judge("peak memory with a slow and a fast reader", peak, 160, " MB")
}

const main = async (megabytes: number) => {
  const folder = await mkdtemp(join(tmpdir(), "jiji-bench-"))
  try {
    const imageId = await build(folder, megabytes)
    await benchServe(folder, await benchImport(folder, imageId))
  } finally {
    Bun.spawnSync(["docker", "image", "rm", "--force", `jiji-bench-registry:${process.pid}`])
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs the benchmark on a separate machine with docker. */
const onHost = async () => {
  const { startHosts } = await import("../test/e2e/Hosts.ts")
  const hosts = await startHosts({ servers: [] })
  try {
    print(await hosts.operator.run([process.execPath, import.meta.path, mode]))
  } finally {
    await hosts.close()
  }
}

const hasDocker = () => Bun.which("docker") !== null && Bun.spawnSync(["docker", "version"]).exitCode === 0

if (mode in parts) {
  // The check above ensures that this is a part's name. `start` passes each part the arguments that it needs.
  const part = parts[mode as keyof typeof parts] as (...args: ReadonlyArray<string>) => Promise<unknown>
  print(JSON.stringify(await part(...args)))
  await Bun.stdin.text()
  print(String(Math.round(process.resourceUsage().maxRSS / 1024)))
  process.exit(0)
} else {
  await (hasDocker() ? main(Number(mode)) : onHost())
}
