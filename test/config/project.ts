import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import { Effect, FileSystem, Layer, Path } from "effect"
import { load } from "../../src/config/load.ts"

/** The real file system. */
export const Files = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** Creates a temporary folder with these files. It is deleted when the scope closes. */
export const folder = Effect.fnUntraced(
  function* (files: Readonly<Record<string, string | Uint8Array>>) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const root = yield* fs.makeTempDirectoryScoped({ prefix: "jiji-config-" })
    for (const [name, contents] of Object.entries(files)) {
      const file = path.join(root, name)
      yield* fs.makeDirectory(path.dirname(file), { recursive: true })
      yield* fs.writeFile(file, typeof contents === "string" ? new TextEncoder().encode(contents) : contents)
    }
    return root
  },
  Effect.orDie,
  Effect.provide(Files)
)

/** Loads the project of a temporary folder with these files. */
export const loadFiles = Effect.fnUntraced(function* (
  files: Readonly<Record<string, string | Uint8Array>>,
  environment?: string
) {
  const cwd = yield* folder(files)
  return yield* load({ cwd, ...(environment !== undefined && { environment }) }).pipe(Effect.provide(Files))
})

/** Loads a project with this deploy file. */
export const loadText = (text: string | Uint8Array) => loadFiles({ ".jiji/deploy.yml": text })

/** Returns the problems in a deploy file, without the file's name. */
export const problemsOf = Effect.fnUntraced(function* (text: string | Uint8Array) {
  const error = yield* Effect.flip(loadText(text))
  return error.message
    .split("\n")
    .slice(1)
    .map((line) => line.replace(".jiji/deploy.yml:", ""))
})

/** The smallest valid deploy file. */
export const smallest = `project: shop
servers:
  web1: { host: 203.0.113.10 }
services:
  web:
    image: nginx:1.27
    hosts: [web1]
`

/** A deploy file with every key that is valid with a remote registry. */
export const everything = `project: shop
builder:
  engine: podman
  local: true
  registry:
    type: remote
    server: registry.example.com:5000
    namespace: acme
    username: REGISTRY_USER
    password: REGISTRY_PASSWORD
ssh:
  user: deploy
  port: 2222
  keys: [~/.ssh/id_ed25519, keys/deploy, /etc/jiji/key]
  passphrase: SSH_PASSPHRASE
  proxy: jump@bastion.example.com:22
  host_keys: strict
  known_hosts: known_hosts
  connect_timeout: 1m30s
servers:
  web1:
    host: 203.0.113.10
    arch: amd64
  web2:
    host: fd00::2
    arch: arm/v7
    user: root
    port: 22
    keys: [~/.ssh/other]
    passphrase: OTHER_PASSPHRASE
    proxy: 192.0.2.1
  spare: { host: spare.example.com }
services:
  web:
    build:
      context: ./app
      dockerfile: docker/Dockerfile
      args: { VERSION: 1.10, DEBUG: false, NAME: "a b" }
      target: app
      platforms: [linux/amd64, linux/arm/v7]
      no_cache: true
      pull: true
      cache_from: [ghcr.io/acme/shop-cache]
      cache_to: ["type=registry,ref=ghcr.io/acme/shop-cache,mode=max"]
      secrets: [NPM_TOKEN]
      ssh: default
    hosts: [web2, web1]
    ports: ["8080:80", "127.0.0.1:9000:9000", "5353:53/udp", 8081, "[::1]:8082:82"]
    volumes: ["data:/var/lib/app", "/srv/files:/files:ro", "/srv/cache:/cache"]
    environment:
      clear: { LOG: info, MODE: 0755, BIG: 12345678901234567890, ON: yes, OFF: false, PRICE: $5, EMPTY: "" }
      secrets: [DATABASE_URL]
    command: [bin/serve, --workers, 4, --ratio, 1.0, --verbose, true]
    console: [bin/console, 1.10, true]
    depends_on: [cron]
    release: { command: [bin/migrate, 1.10, true], timeout: 10m }
    retain: 5
    health: { running_for: 500ms, timeout: 2m }
  cron:
    image: busybox:1.36
    hosts: [web1]
    volumes: ["data:/data"]
    files:
      # The only file that every test's project has.
      - .jiji/deploy.yml:/etc/deploy.yml
      - { secret: CRON_KEY, target: /run/secrets/cron.key, mode: 0440 }
    memory: 512m
    cpus: 1.50
    restart: on-failure:5
    labels: { com.example.tier: 1.10 }
    user: "1000:1000"
    entrypoint: [bin/start, 0755]
    working_dir: /app
    init: true
    read_only: true
    tmpfs: ["/run:size=64m"]
    shm_size: 256m
    ulimits: { nofile: { soft: 1024, hard: 65536 }, core: 0 }
    cap_add: [CAP_NET_ADMIN]
    cap_drop: [all]
    devices: [/dev/fuse]
    gpus: 1
    extra_hosts: ["db.internal=10.0.0.5"]
    logging: { driver: json-file, options: { max-file: 3 } }
    stop_timeout: 1m30s
    stop_signal: SIGQUIT
    engine_options: [--privileged]
deploy: { strategy: rolling, batch: 2, canary: 1 }
aliases: { sh: exec api -- sh, up: deploy -H one }
hooks:
  tell:
    on: [run.failed, step.failed]
    command: [bin/tell, 1.10, true]
    only: deploy/servers[*]
    environment: { clear: { CHANNEL: 0755 }, secrets: [SLACK_WEBHOOK] }
    timeout: 10s
    required: true
  2:
    on: [run.succeeded]
    command: [bin/done]
triggers:
  nightly: { cron: "0 3 * * *", time_zone: Europe/Berlin, pipeline: backup, input: { keep: 7 } }
  main: { github: { secret: HOOK, push: main, tag: [v*] }, run: deploy --version $commit }
  lab: { gitlab: { secret: HOOK, push: main, tag: v* }, run: [deploy, --version, 1.10] }
  tea: { gitea: { secret: HOOK, push: main, tag: v* }, run: deploy }
  hub: { docker_hub: { secret: HOOK, image: acme/api, tag: v* }, run: deploy --version $tag }
  pushed: { registry: { secret: HOOK, image: acme/api, tag: v* }, run: deploy --version $tag }
  hook: { webhook: { secret: HOOK }, run: deploy --version=$.version }
  then: { event: { on: [run.succeeded], of: deploy, project: shop }, run: prune --yes }
`
