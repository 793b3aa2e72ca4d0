import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { readDockerfile } from "../../src/init/dockerfile.ts"
import { gitIgnored, withIgnored } from "../../src/init/ignores.ts"
import { parseRemote } from "../../src/init/inspect.ts"
import { commandWords, parseTarget } from "../../src/init/words.ts"
import { it } from "../support/effect.ts"
import { initializeAndLoad } from "./project.ts"

const compose = `name: Blog
services:
  app:
    build: .
    ports: ["3000:3000", "\${ADMIN:-9000}:9000"]
    environment:
      - RAILS_ENV=production
      - DATABASE_URL
      - SECRET_KEY_BASE=\${SECRET_KEY_BASE}
    env_file: .env
    depends_on: { db: { condition: service_healthy } }
    volumes: ["./:/app", "uploads:/uploads"]
    deploy: { replicas: 2, resources: { limits: { memory: 1g } } }
  db:
    image: postgres:\${PG:-17}
    container_name: db
    restart: always
    command: postgres -c "shared_buffers=256MB"
    volumes: [pg:/var/lib/postgresql/data]
    environment: { POSTGRES_PASSWORD: secret, POSTGRES_DB: 1.10 }
    ports: [{ target: 5432, published: 5432, host_ip: 127.0.0.1 }]
volumes: { pg: , uploads: }
`

describe("a project with a compose file", () => {
  it.live("keeps its services, and gets servers, a host name and a registry from the answers", () =>
    Effect.gen(function* () {
      const files = {
        "compose.yml": compose,
        Dockerfile: "FROM scratch\nEXPOSE 3000\n",
        ".env.example": "LOG=info\nAPI_TOKEN=\nDATABASE_URL=postgres://x\n",
        ".git/config": '[remote "origin"]\n\turl = git@github.com:acme/blog.git\n',
        ".gitignore": "node_modules\n.env*"
      }
      const {
        files: written,
        notes,
        project
      } = yield* initializeAndLoad(files, {
        servers: ["deploy@203.0.113.10", "[fd00::2]:2222"],
        domains: ["blog.example.com"],
        registry: "ghcr.io"
      })
      expect(project).toMatchObject({
        name: "blog",
        registry: { server: "ghcr.io", username: {}, password: { name: "GITHUB_TOKEN" } },
        servers: [
          { name: "web1", host: "203.0.113.10", user: "deploy" },
          { name: "web2", host: "fd00::2", port: 2222 }
        ],
        services: [
          {
            name: "app",
            hosts: ["web1", "web2"],
            ports: ["9000:9000"],
            proxy: { hosts: ["blog.example.com"], port: 3000 },
            environment: {
              clear: { RAILS_ENV: "production", LOG: "info" },
              secrets: ["DATABASE_URL", "SECRET_KEY_BASE", "API_TOKEN"]
            },
            dependsOn: ["db"],
            settings: { memory: "1g" }
          },
          {
            name: "db",
            hosts: ["web1"],
            ports: ["127.0.0.1:5432:5432"],
            command: ["postgres", "-c", "shared_buffers=256MB"],
            environment: { clear: { POSTGRES_DB: "1.10" }, secrets: ["POSTGRES_PASSWORD"] },
            settings: { restart: "always" }
          }
        ]
      })
      expect(notes.map((note) => note.split(":")[0])).toEqual([
        "services.app.volumes[0]",
        "services.app.env_file",
        "services.db.container_name",
        "services.app.replicas"
      ])
      expect(Object.keys(written)).toEqual([
        ".jiji/deploy.yml",
        ".jiji/deploy.schema.json",
        ".dockerignore",
        ".gitignore"
      ])
      expect(written[".gitignore"]).toBe("node_modules\n.env*\n.jiji/deploy.sandbox.yml\n")
    })
  )

  it.live("that has only a Dockerfile gets one service, with its port", () =>
    Effect.gen(function* () {
      const files = { Dockerfile: "FROM scratch\nEXPOSE 4000\n", "node_modules/jiji/docs/deploy.schema.json": "{}" }
      const { files: written, project } = yield* initializeAndLoad(files, { servers: ["203.0.113.10"] })
      expect(project.services).toMatchObject([{ name: "web", source: { _tag: "Build" }, ports: ["4000:4000"] }])
      expect(Object.keys(written)).toEqual([".jiji/deploy.yml", ".dockerignore"])
      expect(written[".jiji/deploy.yml"]).toStartWith(
        "# yaml-language-server: $schema=../node_modules/jiji/docs/deploy.schema.json\n"
      )
    })
  )
})

describe("what jiji reads in a project", () => {
  test("is the port of a Dockerfile's last stage", () => {
    const port = (text: string) => readDockerfile(text).port
    expect(port("FROM a\nEXPOSE 1\nFROM b\nARG P=3000\nEXPOSE $P/tcp\n")).toBe(3000)
    expect(port("FROM a\n# EXPOSE 1\nEXPOSE 53/udp \\\n  8080\n")).toBe(8080)
    expect(port("from a\nENV PORT 80\nexpose ${PORT}\nEXPOSE 90\n")).toBe(80)
    expect(port("FROM a\nEXPOSE 1\nFROM b\nEXPOSE ${NONE} 99999\n")).toBe(undefined)
    expect(port("FROM a\nEXPOSE ${NONE:-81}\n")).toBe(81)
  })

  test("is the owner and name of the repository", () => {
    const acme = { owner: "acme", name: "shop" }
    expect(parseRemote("git@github.com:acme/shop.git")).toEqual({ host: "github.com", ...acme })
    expect(parseRemote("https://user:x@github.com/acme/shop")).toEqual({ host: "github.com", ...acme })
    expect(parseRemote("ssh://git@gitlab.com:22/acme/sub/shop.git/")).toEqual({ host: "gitlab.com", ...acme })
    expect(parseRemote("/srv/git/shop.git")).toBe(undefined)
  })

  test("is the words of a command, or a shell that runs it", () => {
    expect(commandWords(`exec a 'b c' "d \\" e" f\\ g ""`)).toEqual(["a", "b c", 'd " e', "f g", ""])
    for (const shell of ["a && b", "a $B", 'a "$B"', "a 'b", "a > b"])
      expect(commandWords(shell)).toEqual(["sh", "-c", shell])
  })

  test("is a server's user, host and port", () => {
    expect(parseTarget("deploy@203.0.113.10:2222")).toEqual({ user: "deploy", host: "203.0.113.10", port: 2222 })
    expect(parseTarget("[fd00::2]:22")).toEqual({ host: "fd00::2", port: 22 })
    expect(parseTarget("fd00::2")).toEqual({ host: "fd00::2" })
  })

  test("is what an ignore file lacks", () => {
    const all = ".env\n.env.*\n.jiji/deploy.sandbox.yml\n!.env.example\n"
    expect(withIgnored(undefined, gitIgnored)).toBe(all)
    expect(withIgnored("dist", gitIgnored)).toBe(`dist\n${all}`)
    expect(withIgnored(all, gitIgnored)).toBe(undefined)
    expect(withIgnored("/.env\r\n.env*\n", gitIgnored)).toBe("/.env\r\n.env*\n.jiji/deploy.sandbox.yml\n")
    expect(withIgnored("*\n!src\n", [".git"])).toBe(undefined)
  })
})
