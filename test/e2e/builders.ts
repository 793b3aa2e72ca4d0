import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Hosts } from "./Hosts.ts"
import { type TestProject, writeProject } from "./Project.ts"

/** The environment in which docker is Debian's own, whose client has BuildKit itself, without plugins. */
export const ownClient = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }

/** Prepares the environment in which docker's client has the plugin buildx, and its configuration in a folder of the tests. */
export const installBuildx = (hosts: Hosts): { readonly DOCKER_CONFIG: string } => {
  const config = join(hosts.folder, "docker-config")
  mkdirSync(join(config, "cli-plugins"), { recursive: true })
  const plugin = join(import.meta.dir, "../../.tools/buildx/usr/libexec/docker/cli-plugins/docker-buildx")
  symlinkSync(plugin, join(config, "cli-plugins/docker-buildx"))
  return { DOCKER_CONFIG: config }
}

/** The end of a Dockerfile whose image serves /www. */
const serve = `CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"]`

interface Options {
  readonly name: string
  readonly port: number
  /** The lines of the Dockerfile that make /www. busybox is there, also as a shell. */
  readonly lines: ReadonlyArray<string>
  readonly build?: Record<string, unknown>
  readonly config?: Record<string, unknown>
}

/** Writes a project with a Dockerfile of its own. It has the keys of `build`, and is deployed to all servers. */
export const writeBuild = (hosts: Hosts, { build = {}, config = {}, lines, name, port }: Options): TestProject => {
  const web = { build, ports: [`${port}:80`], health: { running_for: "0s" } }
  const project = writeProject(hosts, { name, image: { page: "" }, config: { ...config, services: { web } } })
  const text = ["FROM scratch", "COPY busybox /bin/busybox", "COPY busybox /bin/sh", ...lines, serve, ""].join("\n")
  writeFileSync(join(project.root, "web/Dockerfile"), text)
  return project
}

/** Writes a project whose image has a page of its own for each platform, and needs no program of that platform to be built. */
export const writePlatforms = (hosts: Hosts, options: Omit<Options, "lines">): TestProject => {
  const lines = ["ARG TARGETARCH", "COPY page-$TARGETARCH /www/index.html"]
  const project = writeBuild(hosts, { ...options, lines })
  for (const arch of ["amd64", "arm64"]) writeFileSync(join(project.root, `web/page-${arch}`), `for ${arch}`)
  return project
}
