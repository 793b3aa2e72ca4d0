import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import type { Running } from "../../test/e2e/Command.ts"
import type { Hosts } from "../../test/e2e/Hosts.ts"
import type { ServerHost } from "../../test/e2e/Host.ts"

/** One way to deploy services whose build contexts are the folders in `context`. */
export interface Contender {
  readonly name: string
  readonly context: string
  start(version: string): Running
}

/** How jiji and the scripts that it is compared with deploy to some servers. */
export const contendersOn = (
  hosts: Hosts,
  options: {
    /** The path of the compiled jiji. */
    readonly jiji: string
    /** Also names the folder of the project. */
    readonly project: string
    readonly servers: ReadonlyArray<ServerHost>
    readonly services: ReadonlyArray<string>
    readonly scripts: ReadonlyArray<"script" | "kamalLike" | "saveLoad">
  }
): ReadonlyArray<Contender> => {
  const { jiji, project, scripts, servers, services } = options
  const root = join(hosts.folder, project, "jiji")
  mkdirSync(join(root, ".jiji"), { recursive: true })
  const deployFile = {
    project,
    builder: { engine: "docker", local: true, registry: { type: "local" } },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    servers: Object.fromEntries(servers.map(({ ip, name }) => [name, { host: ip }])),
    services: Object.fromEntries(
      services.map((service) => [
        service,
        {
          build: { context: `./contexts/${service}` },
          hosts: servers.map(({ name }) => name),
          // The scripts do not wait either.
          health: { running_for: "0s" }
        }
      ])
    )
  }
  writeFileSync(join(root, ".jiji/deploy.yml"), stringify(deployFile))
  const script = (name: string): Contender => {
    const context = join(hosts.folder, project, name)
    const program = join(import.meta.dir, "../contenders", `${name}.sh`)
    const addresses = servers.map(({ ip }) => ip)
    return {
      name,
      context,
      start: (version) => hosts.operator.start([program, hosts.key, context, version, ...addresses])
    }
  }
  return [
    {
      name: "jiji",
      context: join(root, "contexts"),
      start: (version) => hosts.operator.start([jiji, "deploy", "--version", version], { cwd: root })
    },
    ...scripts.map(script)
  ]
}

/** Runs Debian's docker-registry in a container, like `docker run registry` but without a download. */
export const startRegistryContainer = async (hosts: Hosts): Promise<void> => {
  const binary = join(import.meta.dir, "../../.tools/registry/usr/bin/docker-registry")
  const folder = join(hosts.folder, "registry")
  mkdirSync(folder)
  const libraries = (await hosts.operator.run(["ldd", binary])).match(/\/\S+(?= \()/g) ?? []
  const config = { version: "0.1", storage: { filesystem: { rootdirectory: "/data" } }, http: { addr: ":5000" } }
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config))
  await hosts.operator.run(["cp", "--dereference", "--parents", binary, ...libraries, folder])
  const copies = libraries.map((path) => `COPY .${path} ${path}`).join("\n")
  const run = `VOLUME /data\nCMD ["/registry", "serve", "/config.yml"]`
  writeFileSync(
    join(folder, "Dockerfile"),
    `FROM scratch\n${copies}\nCOPY .${binary} /registry\nCOPY config.yml /\n${run}\n`
  )
  await hosts.operator.run(["docker", "build", "--tag", "registry", folder])
  await hosts.operator.run(["docker", "run", "--detach", "--publish", "127.0.0.1:5000:5000", "registry"])
}
