import { join } from "node:path"
import type { Host } from "./Host.ts"

const programs = join(import.meta.dir, "../../.tools/caddy/usr/bin")

/** Pebble, an ACME server for tests, and its DNS server, which answers with the address that a test chooses. */
export const pebble = { server: join(programs, "pebble"), dns: join(programs, "pebble-challtestsrv") }

/** Describes an image of the proxy. */
export interface ProxyImageOptions {
  /** The image's name, as in `proxy.image`. */
  readonly name: string
  /** The certificate of an authority to trust, such as a test's ACME server, as PEM. */
  readonly trust?: string
  /** A text in a layer of its own, so that the image differs from others. */
  readonly mark?: string
  /** Programs that the image lacks, such as `sh`. */
  readonly without?: ReadonlyArray<string>
  /** Instead of caddy, it has a program that only prints this version. */
  readonly version?: string
}

const script = join(import.meta.dir, "proxyImage.sh")

/** Builds an image of the proxy with a host's engine: Debian's caddy, its C library and a static busybox. */
export const buildProxyImage = async (host: Host, options: ProxyImageOptions): Promise<void> => {
  const env = {
    ENGINE: host.engine,
    MARK: options.mark ?? "",
    NAME: options.name,
    VERSION: options.version ?? "",
    TRUST: options.trust ?? "",
    WITHOUT: (options.without ?? []).join(" ")
  }
  await host.run(["sh", script], { env })
}
