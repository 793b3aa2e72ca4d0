import { basename, join } from "node:path"
import type { Host } from "./Host.ts"

const programs = join(import.meta.dir, "../../.tools/caddy/usr/bin")
const caddy = join(programs, "caddy")

/** Pebble, an ACME server for tests, and its DNS server, which answers with the address that a test chooses. */
export const pebble = { server: join(programs, "pebble"), dns: join(programs, "pebble-challtestsrv") }

/** The programs of its busybox. Docker Hub's `caddy` has all of them too. */
const applets =
  "sh cat chmod date grep head ls mkdir mkfifo mv nc printf rm rmdir sed sha256sum sleep sync test timeout tr".split(
    " "
  )

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

const build = `
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir bin lib certs
cp "$CADDY" caddy
cp /bin/busybox bin/
for library in $LIBRARIES; do cp -L "$library" lib/; done
for applet in $APPLETS; do ln -s busybox "bin/$applet"; done
for program in $WITHOUT; do rm -f "bin/$program"; done
[ -z "$VERSION" ] || printf '#!/bin/sh\necho "v%s h1:x"\n' "$VERSION" >caddy
# For docker's cache, two folders with the same files are the same, whatever links are in them.
echo "$WITHOUT" >bin/lacks
printf %s "$TRUST" >certs/ca-certificates.crt
printf %s "$MARK" >mark
printf %s "$DOCKERFILE" >Dockerfile
"$ENGINE" build --tag "$NAME" .
`

/** Builds an image of the proxy with a host's engine: Debian's caddy, its C library and a static busybox. */
export const buildProxyImage = async (host: Host, options: ProxyImageOptions): Promise<void> => {
  const libraries = (await host.run(["ldd", caddy])).match(/\/\S+(?= \()/g) ?? []
  const lines = [
    "FROM scratch",
    ...libraries.map((path) => `COPY lib/${basename(path)} ${path}`),
    ...(options.without?.includes("caddy") === true ? [] : ["COPY caddy /usr/bin/caddy"]),
    "COPY bin /bin",
    "COPY certs /etc/ssl/certs",
    "COPY mark /mark",
    "ENV PATH=/usr/bin:/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
    'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]',
    ""
  ]
  const env = {
    APPLETS: applets.join(" "),
    CADDY: caddy,
    DOCKERFILE: lines.join("\n"),
    ENGINE: host.engine,
    LIBRARIES: libraries.join(" "),
    MARK: options.mark ?? "",
    NAME: options.name,
    VERSION: options.version ?? "",
    TRUST: options.trust ?? "",
    WITHOUT: (options.without ?? []).join(" ")
  }
  await host.run(["sh", "-c", build], { env })
}
