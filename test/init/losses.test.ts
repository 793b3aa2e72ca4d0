import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { BuiltinCommands } from "../../src/config/aliases.ts"
import { it } from "../support/effect.ts"
import { initializeAndLoad } from "./project.ts"

/** The notes of `jiji init` for a file, by key. */
const notesFor = Effect.fnUntraced(function* (file: string, text: string, more: Readonly<Record<string, string>> = {}) {
  const answers = file.startsWith("config/") ? {} : { servers: ["203.0.113.10"] }
  const { files, notTranslated } = yield* initializeAndLoad({ [file]: text, ...more }, answers)
  const notes = Object.fromEntries(notTranslated.map(({ key, text }) => [key, text]))
  return { notes, written: files[".jiji/deploy.yml"] ?? "" }
})

const kamal = (more: string) => `service: shop
image: acme/shop
servers: { web: [203.0.113.10], job: { hosts: [203.0.113.11], cmd: bin/jobs } }
proxy: { host: shop.example.com }
registry: { server: localhost:5000 }
${more}`

describe("of Kamal's file, jiji init names", () => {
  it.live("volumes, since those of jiji are empty at first, but no folders of the server", () =>
    Effect.gen(function* () {
      const more =
        'volumes: ["storage:/rails/storage", "/srv/data:/data"]\naccessories: { db: { image: "postgres:17", roles: [job], volumes: ["pg:/var/lib/postgresql"] } }\n'
      const { notes, written } = yield* notesFor("config/deploy.yml", kamal(more))
      expect(notes["volumes"]).toBe(
        "storage: jiji makes new volumes, such as shop_storage, which are empty at first: copy the data into them yourself"
      )
      expect(notes["accessories.db.volumes"]).toStartWith("pg: jiji makes new volumes, such as shop_pg,")
      expect(written).toContain("volumes: [storage:/rails/storage, /srv/data:/data]")
      const none = yield* notesFor("config/deploy.yml", kamal("volumes: [/srv/data:/data]\n"))
      expect(none.notes["volumes"]).toBeUndefined()
    })
  )

  it.live("aliases that have the name of a command, with what to type instead", () =>
    Effect.gen(function* () {
      const aliases = "aliases: { logs: app logs -f, console: app exec -i bin/console, tail: app logs }\n"
      const { notes, written } = yield* notesFor("config/deploy.yml", kamal(aliases)).pipe(
        Effect.provideService(BuiltinCommands, ["console", "exec", "logs"])
      )
      expect(notes["aliases.logs"]).toBe(
        "jiji has a command of this name: type `jiji logs web -f` instead, or give the alias another name"
      )
      expect(written).toContain("aliases:\n  console: exec web -- bin/console\n  tail: logs web\n")
    })
  )

  it.live("settings that need a host, a number, or no ERB", () =>
    Effect.gen(function* () {
      const text = `service: shop
image: acme/shop
servers: [203.0.113.10]
proxy: { path_prefix: /api, response_timeout: 9, ssl: { certificate_pem: CERT } }
registry: { server: ghcr.io, username: <%= x %>, password: [TOKEN] }
labels: { built: <%= Time.now %> }
boot: { limit: <%= n %> }
builder: { driver: docker-container, local: false }
ssh: { keys_only: true, config: [/etc/ssh/other] }
accessories: { db: { image: "postgres:17", host: 203.0.113.10, service: old-db } }
`
      const { notes } = yield* notesFor("config/deploy.yml", text)
      expect(notes["proxy"]).toStartWith(
        "it names no host, so jiji publishes the port, without path_prefix, ssl and response_timeout;"
      )
      expect(Object.keys(notes)).toEqual(
        expect.arrayContaining([
          "proxy.ssl",
          "registry.username",
          "services.web.labels.built",
          "boot.limit",
          "builder.driver",
          "builder.local",
          "ssh.keys_only",
          "ssh.config",
          "accessories.db.service"
        ])
      )
    })
  )

  it.live("what only a destination has", () =>
    Effect.gen(function* () {
      const { notes } = yield* notesFor("config/deploy.yml", kamal(""), {
        "config/deploy.staging.yml": "asset_path: /assets\n"
      })
      expect(Object.keys(notes)).toEqual(["config/deploy.staging.yml: asset_path"])
    })
  )
})

const compose = (service: string, more = "") => `services:
  app:
    image: nginx:1
${service}
${more}`

describe("of a compose file, jiji init names", () => {
  it.live("keys of containers, volumes and networks that it cannot translate", () =>
    Effect.gen(function* () {
      const service = `    container_name: old
    expose: [80]
    tty: true
    networks: [front]
    depends_on: { job: { condition: service_completed_successfully }, db: }
    deploy: { replicas: "\${N}" }
    build: { context: ., args: [VERSION, COLOR=blue] }`
      const more = `  job: { image: job:1 }
  db: { image: db:1 }
volumes: { data: { external: true, name: other }, plain: }
networks: { front: { driver: bridge }, back: }`
      const { notes, written } = yield* notesFor("compose.yml", compose(service, more), { Dockerfile: "FROM x\n" })
      expect(Object.keys(notes).toSorted()).toEqual(
        [
          "services.app.build.args.VERSION",
          "services.app.container_name",
          "services.app.depends_on.job",
          "services.app.deploy.replicas",
          "services.app.expose",
          "services.app.networks",
          "services.app.tty",
          "volumes.data.external",
          "volumes.data.name",
          "networks.front.driver",
          "services.app.image"
        ].toSorted()
      )
      expect(written).toContain("args:\n        COLOR: blue\n")
      expect(written).toContain("depends_on: [job, db]")
    })
  )

  it.live("and translates limits, host names, and labels without a value", () =>
    Effect.gen(function* () {
      const service = `    labels: [plain, a=b=c]
    extra_hosts: { db.test: 10.0.0.1 }
    ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 10 }
    ports: [{ target: 80, published: "\${PORT:-8080}" }]`
      const { notes, written } = yield* notesFor("compose.yml", compose(service))
      expect(notes).toEqual({})
      expect(written).toContain('labels:\n      plain: ""\n      a: b=c\n')
      expect(written).toContain("extra_hosts: [db.test:10.0.0.1]")
      expect(written).toContain("ulimits:\n      nofile:\n        soft: 1024\n        hard: 2048\n      nproc: 10\n")
      expect(written).toContain('ports: ["8080:80"]')
    })
  )
})
