import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./Host.ts"

/**
 * Builds an image of Debian's docker-registry on a host. Like `registry:3`, it listens on port 5000, keeps its data in
 * /var/lib/registry, remembers which blobs it has, and contains `rm`.
 */
export const buildRegistryImage = async (host: Host, folder: string, name: string): Promise<void> => {
  const binary = join(import.meta.dir, "../../.tools/registry/usr/bin/docker-registry")
  mkdirSync(folder, { recursive: true })
  const libraries = (await host.run(["ldd", binary])).match(/\/\S+(?= \()/g) ?? []
  const config = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: "/var/lib/registry" }, cache: { blobdescriptor: "inmemory" } },
    http: { addr: ":5000" }
  }
  await Bun.write(join(folder, "config.yml"), JSON.stringify(config))
  await host.run(["cp", "--dereference", "--parents", binary, ...libraries, "/bin/busybox", folder])
  const copies = libraries.map((path) => `COPY .${path} ${path}`)
  const lines = [
    "FROM scratch",
    ...copies,
    `COPY .${binary} /registry`,
    "COPY ./bin/busybox /bin/rm",
    "COPY config.yml /"
  ]
  const run = 'CMD ["/registry", "serve", "/config.yml"]'
  await Bun.write(join(folder, "Dockerfile"), [...lines, "VOLUME /var/lib/registry", run, ""].join("\n"))
  await host.run([host.engine, "build", "--tag", name, folder])
}
