import { expect } from "bun:test"
import { Effect } from "effect"
import { parse } from "yaml"
import { describeProject } from "../../src/config/describe.ts"
import { it } from "../support/effect.ts"
import { everything, loadFiles, loadText } from "./project.ts"

/** The paths of all keys, without names that the file chooses itself and what is below lists. */
const keyPaths = (value: unknown, path = ""): ReadonlyArray<string> =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? []
    : Object.entries(value).flatMap(([key, inner]) => [`${path}${key}`, ...keyPaths(inner, `${path}${key}.`)])

it.live("a described project has every key that its file has", () =>
  Effect.gen(function* () {
    const described = keyPaths(JSON.parse(JSON.stringify(describeProject(yield* loadText(everything)))))
    const written = keyPaths(parse(everything)).filter(
      (path) =>
        // Its keys are merged into each server, say nothing, or belong to the command line.
        !/^(?:ssh|aliases)(?:\.|$)/.test(path) && path !== "builder.local" && !path.startsWith("servers.spare")
    )
    expect(written.length).toBeGreaterThan(80)
    expect(written.filter((path) => !described.includes(path))).toEqual([])
    expect(described).toContain("servers.web1.passphrase")
  })
)

it.live("a described project names the machine that builds", () =>
  Effect.gen(function* () {
    const builderOf = (remote: string) =>
      loadText(`project: shop
builder: { remote: "${remote}" }
servers: { web1: { host: 203.0.113.10 } }
services: { web: { build: { context: . }, hosts: [web1] } }
`).pipe(Effect.map((project) => describeProject(project)["builder"]))
    expect(yield* builderOf("web1")).toMatchObject({ remote: "web1" })
    expect(yield* builderOf("ssh://ann@builds.example.com:2222")).toMatchObject({
      remote: "ssh://ann@builds.example.com:2222"
    })
  })
)

it.live("a described project has defaults, the environment's values, and no secret's value", () =>
  Effect.gen(function* () {
    const files = {
      ".jiji/deploy.yml": `project: shop
builder: { registry: { server: ghcr.io, username: octocat, password: "$(cat hunter22)" } }
servers: { web1: { host: 203.0.113.10, passphrase: SSH_PASSPHRASE } }
services:
  web:
    image: nginx:1.27
    hosts: [web1]
    environment: { secrets: [TOKEN] }
    volumes: ["data:/data"]
    health: { path: /up }
    proxy: { hosts: [shop.example.com], port: 80, tls: { certificate: CERTIFICATE, key: KEY }, max_body: 2m }
`,
      ".jiji/deploy.staging.yml": "services: { web: { retain: 9, proxy: { hosts: [staging.example.com] } } }\n"
    }
    const described = describeProject(yield* loadFiles(files, "staging"))
    expect(JSON.stringify(described)).not.toContain("hunter22")
    expect(described).toMatchObject({
      project: "shop",
      environment: "staging",
      builder: { engine: "docker", registry: { username: "octocat", password: "$(…)" } },
      servers: { web1: { passphrase: "SSH_PASSPHRASE", connect_timeout: "10s" } },
      services: {
        web: {
          image: "nginx:1.27",
          volumes: ["shop_data:/data"],
          environment: { clear: {}, secrets: ["TOKEN"] },
          retain: 9,
          replicas: 1,
          health: { path: "/up", status: "200-399", interval: "1s", timeout: "60s" },
          proxy: {
            hosts: ["staging.example.com"],
            path: "/",
            tls: { certificate: "CERTIFICATE", key: "KEY" },
            max_body: "2097152"
          }
        }
      }
    })
  })
)
