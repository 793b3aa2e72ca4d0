import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./Host.ts"

/** Describes a test image. */
export interface ImageOptions {
  /** The page it serves at `/`, on port 80. */
  readonly page: string
  /** Adds a layer of random bytes. */
  readonly megabytes?: number
  /** Adds a HEALTHCHECK. */
  readonly healthcheck?: "passes" | "fails"
  /** Exits immediately, after writing its page to the log. */
  readonly crashes?: boolean
}

/**
 * Writes the context of an image without a base image: a static busybox and the page. Its layers are busybox, the
 * random bytes and the page.
 */
export const writeContext = (folder: string, options: ImageOptions): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "busybox"), readBusybox(), { mode: 0o755 })
  writeFileSync(join(folder, "index.html"), options.page)
  if (options.megabytes !== undefined) writeRandom(join(folder, "random"), options.megabytes)
  // Process 1 only gets signals that it handles. busybox httpd handles none, the shell does.
  const serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"
  const crash = "cat /www/index.html >&2; exit 3"
  const url = options.healthcheck === "fails" ? "http://127.0.0.1/missing" : "http://127.0.0.1/"
  const healthcheck = ["/bin/busybox", "wget", "-qO", "/dev/null", url]
  writeFileSync(
    join(folder, "Dockerfile"),
    [
      "FROM scratch",
      "COPY busybox /bin/busybox",
      ...(options.megabytes === undefined ? [] : ["COPY random /random"]),
      "COPY index.html /www/index.html",
      ...(options.healthcheck === undefined
        ? []
        : [`HEALTHCHECK --interval=1s --timeout=2s --retries=2 CMD ${JSON.stringify(healthcheck)}`]),
      `CMD ${JSON.stringify(["/bin/busybox", "sh", "-c", options.crashes === true ? crash : serve])}`,
      ""
    ].join("\n")
  )
}

/** Builds an image on the host and saves it. Returns the path of the archive. */
export const buildImage = async (host: Host, options: ImageOptions & { readonly name: string }): Promise<string> => {
  const folder = await host.run(["mktemp", "--directory"])
  writeContext(folder, options)
  await host.run([host.engine, "build", "--tag", options.name, folder])
  const archive = join(folder, "image.tar")
  await host.run([host.engine, "save", "--output", archive, options.name])
  return archive
}

let busybox: Uint8Array | undefined
const readBusybox = (): Uint8Array => (busybox ??= new Uint8Array(readFileSync("/bin/busybox")))

/** Writes random bytes, which do not compress and are in no store yet. */
export const writeRandom = (path: string, megabytes: number): void => {
  const file = openSync(path, "w")
  const part = new Uint8Array(1 << 20)
  for (let written = 0; written < megabytes; written += 1) {
    for (let at = 0; at < part.length; at += 65_536) crypto.getRandomValues(part.subarray(at, at + 65_536))
    writeSync(file, part)
  }
  closeSync(file)
}
