import { homedir } from "node:os"
import { join } from "node:path"
import { expect } from "bun:test"
import { Cause, Duration, Effect, Exit, Redacted, Result } from "effect"
import fc from "fast-check"
import { load } from "../../src/config/load.ts"
import type { Project } from "../../src/config/Project.ts"
import { secretNames } from "../../src/config/secretNames.ts"
import { it } from "../support/effect.ts"
import { everything, Files, folder, loadFiles, loadText, smallest } from "./project.ts"

const home = (path: string) => join(homedir(), path)

it.live("loads every key of the file", () =>
  Effect.gen(function* () {
    const root = yield* folder({ ".jiji/deploy.yml": everything })
    const project = yield* load({ cwd: root }).pipe(Effect.provide(Files))
    const ssh = {
      hostKeys: "strict",
      knownHosts: join(root, "known_hosts"),
      connectTimeout: Duration.seconds(90)
    } as const
    expect(project).toEqual({
      name: "shop",
      root,
      engine: "podman",
      registry: {
        type: "remote",
        server: "registry.example.com:5000",
        namespace: "acme",
        username: { _tag: "Name", name: "REGISTRY_USER" },
        password: { _tag: "Name", name: "REGISTRY_PASSWORD" }
      },
      servers: [
        {
          name: "web1",
          host: "203.0.113.10",
          arch: "amd64",
          user: "deploy",
          port: 2222,
          keys: [home(".ssh/id_ed25519"), join(root, "keys/deploy"), "/etc/jiji/key"],
          passphrase: { _tag: "Name", name: "SSH_PASSPHRASE" },
          proxy: "jump@bastion.example.com:22",
          ...ssh
        },
        {
          name: "web2",
          host: "fd00::2",
          arch: "arm/v7",
          user: "root",
          port: 22,
          keys: [home(".ssh/other")],
          passphrase: { _tag: "Name", name: "OTHER_PASSPHRASE" },
          proxy: "192.0.2.1",
          ...ssh
        }
      ],
      unusedServers: ["spare"],
      services: [
        {
          name: "web",
          source: {
            _tag: "Build",
            context: join(root, "app"),
            dockerfile: join(root, "app/docker/Dockerfile"),
            args: { VERSION: "1.10", DEBUG: "false", NAME: "a b" },
            target: "app",
            platforms: ["linux/amd64", "linux/arm/v7"],
            noCache: true,
            pull: true,
            cacheFrom: ["ghcr.io/acme/shop-cache"],
            cacheTo: ["type=registry,ref=ghcr.io/acme/shop-cache,mode=max"],
            secrets: ["NPM_TOKEN"],
            ssh: true
          },
          hosts: ["web2", "web1"],
          ports: ["8080:80", "127.0.0.1:9000:9000", "5353:53/udp", "8081", "[::1]:8082:82"],
          volumes: ["shop_data:/var/lib/app", "/srv/files:/files:ro", "/srv/cache:/cache"],
          environment: {
            clear: {
              LOG: "info",
              MODE: "0755",
              BIG: "12345678901234567890",
              ON: "yes",
              OFF: "false",
              PRICE: "$5",
              EMPTY: ""
            },
            secrets: ["DATABASE_URL"]
          },
          command: ["bin/serve", "--workers", "4", "--ratio", "1.0", "--verbose", "true"],
          console: ["bin/console", "1.10", "true"],
          dependsOn: ["cron"],
          release: { command: ["bin/migrate", "1.10", "true"], timeout: Duration.minutes(10) },
          retain: 5,
          health: { runningFor: Duration.millis(500), timeout: Duration.minutes(2) }
        },
        {
          name: "cron",
          source: { _tag: "Image", image: { path: "busybox", tag: "1.36" } },
          hosts: ["web1"],
          ports: [],
          volumes: ["shop_data:/data"],
          environment: { clear: {}, secrets: [] },
          files: [
            {
              source: {
                _tag: "Project",
                path: ".jiji/deploy.yml",
                content: Redacted.make(new Uint8Array(Buffer.from(everything)))
              },
              target: "/etc/deploy.yml",
              mode: "0444"
            },
            { source: { _tag: "Secret", name: "CRON_KEY" }, target: "/run/secrets/cron.key", mode: "0440" }
          ],
          settings: {
            memory: "512m",
            cpus: "1.5",
            restart: "on-failure:5",
            labels: { "com.example.tier": "1.10" },
            user: "1000:1000",
            entrypoint: ["bin/start", "0755"],
            working_dir: "/app",
            init: true,
            read_only: true,
            tmpfs: ["/run:size=64m"],
            shm_size: "256m",
            ulimits: { nofile: { soft: 1024, hard: 65536 }, core: { soft: 0, hard: 0 } },
            cap_add: ["NET_ADMIN"],
            cap_drop: ["ALL"],
            devices: ["/dev/fuse"],
            gpus: "1",
            extra_hosts: ["db.internal:10.0.0.5"],
            logging: { driver: "json-file", options: { "max-file": "3" } },
            stop_timeout: 90,
            stop_signal: "SIGQUIT",
            engine_options: ["--privileged"]
          },
          retain: 3,
          health: { runningFor: Duration.seconds(1), timeout: Duration.seconds(60) }
        }
      ],
      rollout: { strategy: "rolling", batch: 2, canary: 1 },
      hooks: [
        {
          name: "tell",
          on: ["run.failed", "step.failed"],
          command: ["bin/tell", "1.10", "true"],
          only: "deploy/servers[*]",
          environment: { clear: { CHANNEL: "0755" }, secrets: ["SLACK_WEBHOOK"] },
          timeout: Duration.seconds(10),
          required: true
        },
        {
          name: "2",
          on: ["run.succeeded"],
          command: ["bin/done"],
          environment: { clear: {}, secrets: [] },
          timeout: Duration.seconds(30),
          required: false
        }
      ],
      triggers: [
        {
          name: "nightly",
          source: { _tag: "Cron", cron: "0 3 * * *", timeZone: "Europe/Berlin" },
          start: { _tag: "Pipeline", pipeline: "backup", input: { keep: 7 } }
        },
        {
          name: "main",
          source: { _tag: "GitHub", secret: "HOOK", branches: ["main"], tags: ["v*"] },
          start: { _tag: "Command", words: ["deploy", "--version", "$commit"] }
        },
        {
          name: "lab",
          source: { _tag: "GitLab", secret: "HOOK", branches: ["main"], tags: ["v*"] },
          start: { _tag: "Command", words: ["deploy", "--version", "1.10"] }
        },
        {
          name: "tea",
          source: { _tag: "Gitea", secret: "HOOK", branches: ["main"], tags: ["v*"] },
          start: { _tag: "Command", words: ["deploy"] }
        },
        {
          name: "hub",
          source: { _tag: "DockerHub", secret: "HOOK", image: ["acme/api"], tags: ["v*"] },
          start: { _tag: "Command", words: ["deploy", "--version", "$tag"] }
        },
        {
          name: "pushed",
          source: { _tag: "Registry", secret: "HOOK", image: ["acme/api"], tags: ["v*"] },
          start: { _tag: "Command", words: ["deploy", "--version", "$tag"] }
        },
        {
          name: "hook",
          source: { _tag: "Webhook", secret: "HOOK" },
          start: { _tag: "Command", words: ["deploy", "--version=$.version"] }
        },
        {
          name: "then",
          source: { _tag: "Event", on: ["run.succeeded"], of: "deploy", project: "shop" },
          start: { _tag: "Command", words: ["prune", "--yes"] }
        }
      ]
    } satisfies Project)
  })
)

it.live("fills in the defaults of absent keys", () =>
  Effect.gen(function* () {
    const project = yield* loadText(smallest)
    expect(project.engine).toBe("docker")
    expect(project.registry).toEqual({ type: "local", port: 9270 })
    expect(project.servers).toEqual([
      {
        name: "web1",
        host: "203.0.113.10",
        keys: [],
        hostKeys: "accept-new",
        knownHosts: home(".ssh/known_hosts"),
        connectTimeout: Duration.seconds(10),
        defaults: ["hostKeys", "knownHosts", "connectTimeout"]
      }
    ])
    expect(Object.keys(project)).not.toContain("environment")
  })
)

it.live("builds the project's folder if build has no keys", () =>
  Effect.gen(function* () {
    const { root, services } = yield* loadText(smallest.replace("image: nginx:1.27", "build: {}"))
    const source = { _tag: "Build", context: root, dockerfile: join(root, "Dockerfile"), args: {} } as const
    expect(services[0]?.source).toEqual(source)
  })
)

it.live("does not show a literal password when a project is printed", () =>
  Effect.gen(function* () {
    const registry = "builder: { registry: { server: ghcr.io, username: me, password: hunter-2 } }\n"
    const project = yield* loadText(registry + smallest)
    if (project.registry.type !== "remote" || project.registry.password?._tag !== "Literal")
      throw new Error("no literal")
    expect(Redacted.value(project.registry.password.value)).toBe("hunter-2")
    expect(JSON.stringify(project) + Bun.inspect(project, { depth: 10 })).not.toContain("hunter-2")
  })
)

it.live("finds the file from any folder below the project", () =>
  Effect.gen(function* () {
    const root = yield* folder({ ".jiji/deploy.yml": smallest, "src/deep/er/x": "" })
    const project = yield* load({ cwd: join(root, "src/deep/er") }).pipe(Effect.provide(Files))
    expect(project.root).toBe(root)
  })
)

it.live("uses the nearest file if projects are nested", () =>
  Effect.gen(function* () {
    const inner = smallest.replace("project: shop", "project: inner")
    const root = yield* folder({ ".jiji/deploy.yml": smallest, "inner/.jiji/deploy.yml": inner })
    const project = yield* load({ cwd: join(root, "inner") }).pipe(Effect.provide(Files))
    expect([project.name, project.root]).toEqual(["inner", join(root, "inner")])
  })
)

it.live("uses the requested file, and its folder as the project's", () =>
  Effect.gen(function* () {
    const root = yield* folder({ "ops/shop.yml": smallest, "ops/shop.staging.yml": "project: staged" })
    const named = yield* load({ cwd: root, config: "ops/shop.yml", environment: "staging" }).pipe(Effect.provide(Files))
    expect([named.name, named.root]).toEqual(["staged", join(root, "ops")])
  })
)

it.live("fails with the search folder if there is no file", () =>
  Effect.gen(function* () {
    const root = yield* folder({})
    const found = yield* Effect.flip(load({ cwd: root }).pipe(Effect.provide(Files)))
    const named = yield* Effect.flip(load({ cwd: root, config: "x.yml" }).pipe(Effect.provide(Files)))
    expect(found.message).toBe(`There is no .jiji/deploy.yml in ${root} or a parent folder.`)
    expect([named._tag, named.message, named.exitCode]).toEqual([
      "ConfigNotFound",
      "The file x.yml does not exist.",
      78
    ])
  })
)

it.live("fails if the file is a folder", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(loadFiles({ ".jiji/deploy.yml/x": "" }))
    expect([error._tag, error.exitCode]).toEqual(["ConfigUnreadable", 78])
    expect(error.message).toBe(".jiji/deploy.yml cannot be read: it is a folder.")
    const cwd = yield* folder({})
    const named = yield* Effect.flip(load({ cwd, config: "." }).pipe(Effect.provide(Files)))
    expect(named.message).toBe(`${cwd} cannot be read: it is a folder.`)
  })
)

it.live("fails for a device or a file that is too large", () =>
  Effect.gen(function* () {
    const cwd = yield* folder({ "large.yml": `# ${"x".repeat(1024 * 1024)}` })
    const device = yield* Effect.flip(load({ cwd, config: "/dev/zero" }).pipe(Effect.provide(Files)))
    expect(device.message).toBe("/dev/zero cannot be read: it is a device, a pipe or a socket, not a regular file.")
    const large = yield* Effect.flip(load({ cwd, config: "large.yml" }).pipe(Effect.provide(Files)))
    expect([large._tag, large.message]).toEqual([
      "ConfigUnreadable",
      "large.yml cannot be read: it is larger than 1 MiB."
    ])
  })
)

it.live(
  "merges the maps of an environment's file, replaces lists and scalars, and removes keys with empty values",
  () =>
    Effect.gen(function* () {
      const staging = `ssh: { user: root, proxy: ~ }
servers: { web1: { host: 198.51.100.1 }, web3: { host: 198.51.100.3 } }
services:
  web:
    hosts: [web3]
    build: ~
    image: nginx:1.27
    depends_on: ~
    environment: { clear: { LOG: debug } }
`
      const project = yield* loadFiles(
        { ".jiji/deploy.yml": everything, ".jiji/deploy.staging.yml": staging },
        "staging"
      )
      const [web1, web3] = project.servers
      expect(project.environment).toBe("staging")
      expect([web1?.host, web1?.arch, web1?.user, web1?.proxy]).toEqual(["198.51.100.1", "amd64", "root", undefined])
      expect(web3?.name).toBe("web3")
      const web = project.services.find(({ name }) => name === "web")
      expect([web?.hosts, web?.source]).toEqual([["web3"], { _tag: "Image", image: { path: "nginx", tag: "1.27" } }])
      expect(web?.environment.clear).toMatchObject({ LOG: "debug", MODE: "0755" })
      expect(web?.dependsOn).toBeUndefined()
    })
)

it.live("uses the built-in registry by default, or a container if configured", () =>
  Effect.gen(function* () {
    const registry = (more: string) =>
      Effect.map(loadText(`builder: { registry: { type: local${more} } }\n${smallest}`), ({ registry }) => registry)
    expect(yield* registry("")).toEqual({ type: "local", port: 9270 })
    expect(yield* registry(", engine: builtin")).toEqual({ type: "local", port: 9270 })
    expect(yield* registry(", engine: container")).toEqual({
      type: "local",
      port: 9270,
      container: { image: "registry:3" }
    })
    expect(yield* registry(", engine: container, image: mirror.example.com/registry:2")).toMatchObject({
      container: { image: "mirror.example.com/registry:2" }
    })
  })
)

it.live("replaces a registry with one of another type instead of merging them", () =>
  Effect.gen(function* () {
    const local = "builder: { registry: { type: local } }"
    const remote = "builder: { registry: { type: remote, server: ghcr.io, username: me } }"
    const files = { ".jiji/deploy.yml": everything, ".jiji/deploy.dev.yml": local }
    expect((yield* loadFiles(files, "dev")).registry).toEqual({ type: "local", port: 9270 })
    const back = { ".jiji/deploy.yml": `${local}\n${smallest}`, ".jiji/deploy.dev.yml": remote }
    expect((yield* loadFiles(back, "dev")).registry).toMatchObject({ type: "remote", server: "ghcr.io" })
    const untyped = { ...back, ".jiji/deploy.dev.yml": remote.replace("type: remote, ", "") }
    expect((yield* loadFiles(untyped, "dev")).registry).toMatchObject({ type: "remote", server: "ghcr.io" })
    const same = { ".jiji/deploy.yml": everything, ".jiji/deploy.dev.yml": "builder: { registry: { namespace: dev } }" }
    expect((yield* loadFiles(same, "dev")).registry).toMatchObject({
      namespace: "dev",
      server: "registry.example.com:5000"
    })
  })
)

it.live("reports problems with the file and line of the value", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(
      loadFiles(
        {
          ".jiji/deploy.yml": smallest.replace("image: nginx:1.27", "image: nginx:1.27\n    retain: 0"),
          ".jiji/deploy.staging.yml":
            "# staging\nservers:\n  web1:\n    port: 70000\nservices: { web: { hosts: [gone] } }\n"
        },
        "staging"
      )
    )
    expect(error.message.split("\n")).toEqual([
      "The configuration has 3 errors:",
      ".jiji/deploy.yml:7 services.web.retain: must be a whole number from 1 to 1000, not 0",
      ".jiji/deploy.staging.yml:4 servers.web1.port: must be a port from 1 to 65535, not 70000",
      ".jiji/deploy.staging.yml:5 services.web.hosts[0]: gone is not under servers; use web1"
    ])
  })
)

it.live("fails for an environment without a file, or with a name that leads to another folder", () =>
  Effect.gen(function* () {
    const files = { ".jiji/deploy.yml": smallest, ".jiji/deploy.staging.yml": "", ".jiji/deploy.production.yml": "" }
    const error = yield* Effect.flip(loadFiles(files, "stagign"))
    expect([error._tag, error.exitCode]).toEqual(["EnvironmentNotFound", 78])
    expect(error.message).toBe('The environment "stagign" has no file .jiji/deploy.stagign.yml.')
    expect(error.remedy).toBe("Did you mean `-e staging`?")
    const far = yield* Effect.flip(loadFiles(files, "qa"))
    expect(far.remedy).toBe(
      "Use an environment that has a file (production or staging), or create .jiji/deploy.qa.yml."
    )
    const elsewhere = yield* Effect.flip(loadFiles({ ...files, ".jiji/deploy.x/../y.yml": "" }, "x/../y"))
    expect(elsewhere._tag).toBe("EnvironmentNotFound")
    const capital = { ...files, ".jiji/deploy.QA.eu_1.yml": "" }
    expect((yield* loadFiles(capital, "QA.eu_1")).environment).toBe("QA.eu_1")
  })
)

it.live("keeps servers and services in the order of the file, even if their names are numbers", () =>
  Effect.gen(function* () {
    const project = yield* loadText(`project: shop
servers: { b: { host: b }, 10: { host: a }, 2: { host: c } }
services: { z: { image: x, hosts: ["2", "10", b] }, 7: { image: x, hosts: [b] }, 3: { image: x, hosts: [b] } }
`)
    expect(project.servers.map(({ name }) => name)).toEqual(["b", "10", "2"])
    expect(project.services.map(({ name }) => name)).toEqual(["z", "7", "3"])
  })
)

it.live("secretNames returns exactly the secrets that a project needs", () =>
  Effect.gen(function* () {
    expect(secretNames(yield* loadText(everything))).toEqual([
      "REGISTRY_USER",
      "REGISTRY_PASSWORD",
      "SSH_PASSPHRASE",
      "OTHER_PASSPHRASE",
      "NPM_TOKEN",
      "DATABASE_URL",
      "CRON_KEY",
      "SLACK_WEBHOOK"
    ])
    expect(secretNames(yield* loadText(smallest))).toEqual([])
  })
)

it.live("fails only with ConfigInvalid, however the file is changed", () =>
  Effect.gen(function* () {
    const change = fc.tuple(
      fc.nat(everything.length),
      fc.nat(12),
      fc.string({ unit: fc.constantFrom(..."{}[]:-,&*<!|>'\"#~ \n\t\0a0é".split("")), maxLength: 6 })
    )
    for (const [at, length, text] of fc.sample(change, { numRuns: 150, seed: 20 })) {
      const changed = everything.slice(0, at) + text + everything.slice(at + length)
      const exit = yield* Effect.exit(loadText(changed))
      const failure = Exit.isFailure(exit) ? Cause.findError(exit.cause) : undefined
      if (failure !== undefined)
        expect([changed, Result.isSuccess(failure) && failure.success._tag]).toEqual([changed, "ConfigInvalid"])
    }
  })
)

it.live("ignores an empty environment file", () =>
  Effect.gen(function* () {
    const project = yield* loadFiles(
      { ".jiji/deploy.yml": smallest, ".jiji/deploy.staging.yml": "# nothing\n" },
      "staging"
    )
    expect(project.servers[0]?.host).toBe("203.0.113.10")
  })
)
