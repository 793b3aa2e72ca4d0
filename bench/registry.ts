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
import { figuresFile, print, printRounds, report } from "./shared/figures.ts"
import { interleave, median, ratio, timeCommand } from "./shared/rounds.ts"

const megabyte = 1024 * 1024
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

const benchImport = async (folder: string, imageId: string, megabytes: number) => {
  const store = join(folder, "store")
  let peak = 0
  const { add, save } = await interleave(5, {
    save: async () => {
      await rm(join(folder, "image.tar"), { force: true })
      return timeCommand(["sh", "-c", `docker save ${imageId} > '${folder}/image.tar'`]) / 1000
    },
    add: async () => {
      await rm(store, { recursive: true, force: true })
      const added = await start("import", store, imageId)
      peak = Math.max(peak, await added.end())
      return Number(added.result.seconds)
    }
  })
  const again = await start("import", store, imageId)
  const repeat = await start("find", store, imageId)
  await Promise.all([again.end(), repeat.end()])
  printRounds("docker save > file", save, median(save), "s")
  printRounds("import", add, median(add), "s")
  print(`import again: ${again.result.seconds.toFixed(2)} s, ${again.result.added} bytes added`)
  report(
    {
      name: `import of ${megabytes} MB: time against docker save to a file`,
      value: ratio(add, save),
      unit: "times",
      most: 1.1
    },
    { name: `import of ${megabytes} MB: peak memory`, value: peak, unit: "MB", most: 160 },
    { name: "find an unchanged image", value: repeat.result.seconds, unit: "s", most: 0.3 }
  )
  return again.result.layers[0]
}

const benchServe = async (folder: string, blob: { readonly digest: string; readonly size: number }) => {
  const blobs = join(folder, "store/blobs/sha256")
  const [registry, files] = await Promise.all([start("registry", join(folder, "store")), start("files", blobs)])
  const tunnel = await start("tunnel", String(registry.result.port), String(files.result.port))
  const path = `/v2/bench/blobs/${blob.digest}`
  const plain = `/${blob.digest.slice("sha256:".length)}`
  const seconds = await interleave(5, {
    files: () => download(tunnel.result.files, plain, blob.size),
    registry: () => download(tunnel.result.registry, path, blob.size)
  })
  const slow = 4
  await Promise.all([
    download(registry.result.port, path, blob.size),
    download(registry.result.port, path, blob.size, blob.size / slow)
  ])
  const [peak] = await Promise.all([registry.end(), files.end(), tunnel.end()])
  printRounds("plain file server", seconds.files, median(seconds.files), "s")
  printRounds("registry", seconds.registry, median(seconds.registry), "s")
  const value = ratio(seconds.registry, seconds.files)
  report(
    { name: "serve through a tunnel: time against a file server", value, unit: "times", most: 1.1 },
    { name: "serve to a slow and a fast reader: peak memory", value: peak, unit: "MB", most: 160 }
  )
}

const main = async (megabytes: number) => {
  const folder = await mkdtemp(join(tmpdir(), "jiji-bench-"))
  try {
    const imageId = await build(folder, megabytes)
    await benchServe(folder, await benchImport(folder, imageId, megabytes))
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
    const env = { [figuresFile]: process.env[figuresFile] ?? "" }
    const { code, stderr, stdout } = await hosts.operator.try([process.execPath, import.meta.path, mode], { env })
    print(`${stdout}${stderr}`)
    process.exitCode = code
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
