import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { initializeAndLoad } from "./project.ts"

const kamal = `<%# Kamal runs this file through ERB %>
<% require "dotenv" %>
service: shop
image: acme/shop
servers:
  web: [203.0.113.10, 203.0.113.11]
  worker:
    hosts: [203.0.113.12]
    cmd: bundle exec sidekiq -q "low priority"
    options: { memory: 512m, cpus: 2, cap-add: SYS_ADMIN, pids-limit: 100 }
builder:
  arch: amd64
  args: { RUBY: 3.30 }
  secrets: [RAILS_MASTER_KEY]
  cache: { type: registry, options: mode=max }
proxy:
  host: shop.example.com
  ssl: true
  app_port: 3000
  healthcheck: { interval: 3, path: /health }
  buffering: { max_request_body: 41943040, requests: true }
  forward_headers: true
registry:
  username: acme
  password: [KAMAL_REGISTRY_PASSWORD]
env:
  clear: { LOG: info, V: 1.10, HOST: <%= ENV["HOST"] %>, DB: "<%= x %>" }
  secret: [DATABASE_URL, "A:B"]
volumes: ["storage:/rails/storage"]
asset_path: /rails/public
boot: { limit: 50%, wait: 2 }
retain_containers: 5
readiness_delay: 7
deploy_timeout: 30
drain_timeout: 45
logging: { driver: json-file, options: { max-size: 100m } }
accessories:
  redis:
    image: redis:7
    roles: [worker]
    port: "127.0.0.1:6379:6379"
    cmd: redis-server --save ""
    directories: ["data:/data"]
    files: ["config/redis.conf:/etc/redis.conf", "config/none.conf:/etc/none.conf"]
  search:
    image: search:1
    host: deploy@203.0.113.13:2222
    port: 9200
    volumes: ["/srv/search:/data"]
`
const staging = `servers:
  web: [203.0.113.20]
  worker: { hosts: [203.0.113.20] }
proxy: { host: staging.example.com, ssl: false }
`
const files = { "config/deploy.yml": kamal, "config/redis.conf": "port 6379\n", ".kamal/hooks/pre-deploy": "" }

describe("a project that Kamal deploys", () => {
  it.live("keeps servers, services, settings and secrets", () =>
    Effect.gen(function* () {
      const { files: written } = yield* initializeAndLoad(files)
      expect(written[".jiji/deploy.yml"]).toBe(`# yaml-language-server: $schema=deploy.schema.json

project: shop

builder:
  registry:
    server: docker.io
    username: acme
    password: KAMAL_REGISTRY_PASSWORD

ssh:
  user: root

servers:
  web1:
    host: 203.0.113.10
    arch: amd64
  web2:
    host: 203.0.113.11
    arch: amd64
  worker1:
    host: 203.0.113.12
    arch: amd64
  search1:
    host: 203.0.113.13
    user: deploy
    port: 2222
    arch: amd64

services:
  web:
    build:
      context: .
      args:
        RUBY: "3.30"
      secrets: [RAILS_MASTER_KEY]
      cache_from: ["type=registry,ref=acme/shop-build-cache"]
      cache_to: ["type=registry,ref=acme/shop-build-cache,mode=max"]
    hosts: [web1, web2]
    environment:
      clear:
        LOG: info
        V: "1.10"
      secrets: [HOST, DATABASE_URL, A]
    volumes: [storage:/rails/storage]
    logging:
      driver: json-file
      options:
        max-size: 100m
    retain: 5
    drain: 45s
    proxy:
      hosts: [shop.example.com]
      port: 3000
      max_body: 40m
    health:
      path: /health
      interval: 3s
      timeout: 30s
  worker:
    build:
      context: .
      args:
        RUBY: "3.30"
      secrets: [RAILS_MASTER_KEY]
      cache_from: ["type=registry,ref=acme/shop-build-cache"]
      cache_to: ["type=registry,ref=acme/shop-build-cache,mode=max"]
    hosts: [worker1]
    command: [bundle, exec, sidekiq, -q, low priority]
    environment:
      clear:
        LOG: info
        V: "1.10"
      secrets: [HOST, DATABASE_URL, A]
    volumes: [storage:/rails/storage]
    logging:
      driver: json-file
      options:
        max-size: 100m
    retain: 5
    stop_timeout: 45s
    health:
      timeout: 30s
      running_for: 7s
    memory: 512m
    cpus: "2"
    cap_add: [SYS_ADMIN]
    engine_options: [--pids-limit=100]
  redis:
    image: redis:7
    hosts: [worker1]
    command: [redis-server, --save, ""]
    ports: ["127.0.0.1:6379:6379"]
    volumes: [redis-data:/data]
    files: [config/redis.conf:/etc/redis.conf]
    logging:
      driver: json-file
      options:
        max-size: 100m
  search:
    image: search:1
    hosts: [search1]
    ports: ["9200:9200"]
    volumes: [/srv/search:/data]
    logging:
      driver: json-file
      options:
        max-size: 100m

deploy:
  strategy: rolling
  batch: 1
`)
    })
  )

  it.live("names everything that has no counterpart", () =>
    Effect.gen(function* () {
      const { from, notTranslated, secrets } = yield* initializeAndLoad(files)
      expect(from).toBe("config/deploy.yml")
      expect(notTranslated.map(({ key }) => key)).toEqual([
        "",
        "env.DB",
        "env.secret[1]",
        "volumes",
        "accessories.redis.directories",
        "asset_path",
        "proxy.forward_headers",
        "proxy.buffering.requests",
        "boot.wait",
        "services.redis.files[1]",
        ".kamal/hooks/pre-deploy"
      ])
      expect(secrets).toEqual(["KAMAL_REGISTRY_PASSWORD", "HOST", "DATABASE_URL", "A", "RAILS_MASTER_KEY"])
    })
  )

  it.live("gets an environment's file for each destination, with only what differs", () =>
    Effect.gen(function* () {
      const all = { ...files, "config/deploy.staging.yml": staging }
      const { files: written, project } = yield* initializeAndLoad(all, {}, "staging")
      expect(written[".jiji/deploy.staging.yml"]).toContain("      hosts: [staging.example.com]\n")
      expect(written[".jiji/deploy.staging.yml"]).not.toContain("storage")
      expect(project.servers.map(({ host, name }) => [name, host])).toEqual([
        ["web1", "203.0.113.20"],
        ["search1", "203.0.113.13"]
      ])
      expect(project.services.find(({ name }) => name === "web")?.proxy).toMatchObject({
        hosts: ["staging.example.com"],
        tls: { _tag: "Off" }
      })
    })
  )

  it.live("never has a password in deploy.yml, but a command or the name of a secret", () =>
    Effect.gen(function* () {
      const written = Effect.fnUntraced(function* (password: string) {
        const text = kamal.replace("[KAMAL_REGISTRY_PASSWORD]", password)
        return (yield* initializeAndLoad({ "config/deploy.yml": text })).files[".jiji/deploy.yml"]
      })
      expect(yield* written("hunter22")).toContain("password: REGISTRY_PASSWORD\n")
      expect(yield* written("<%= %x(aws ecr get-login-password) %>")).toContain(
        "password: $(aws ecr get-login-password)\n"
      )
      expect(yield* written('<%= ENV["TOKEN"] %>')).toContain("password: TOKEN\n")
    })
  )

  it.live("publishes the port if no host name is known, and takes one as an answer", () =>
    Effect.gen(function* () {
      const text =
        "service: a\nimage: a\nservers: [203.0.113.10]\nproxy: { app_port: 3000 }\nregistry: { username: a }\n"
      const none = yield* initializeAndLoad({ "config/deploy.yml": text })
      expect(none.project.services[0]).toMatchObject({ ports: ["80:3000"], health: {} })
      expect(none.notes).toContainEqual(expect.stringContaining("proxy: it names no host"))
      const one = yield* initializeAndLoad({ "config/deploy.yml": text }, { domains: ["a.example.com"] })
      expect(one.project.services[0]).toMatchObject({ ports: [], proxy: { hosts: ["a.example.com"], port: 3000 } })
    })
  )

  it.live("is not asked of a file that is not YAML, which a note names", () =>
    Effect.gen(function* () {
      const answers = { servers: ["203.0.113.10"] }
      const { from, notes, project } = yield* initializeAndLoad(
        { "config/deploy.yml": "service: a\n  b: {\n" },
        answers
      )
      expect([from, project.services.length]).toEqual([undefined, 1])
      expect(notes).toContainEqual(expect.stringContaining("config/deploy.yml: is not valid YAML"))
    })
  )
})
