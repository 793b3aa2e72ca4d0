import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { hasSecretName, looksSecret } from "../../src/init/sensitive.ts"
import { it } from "../support/effect.ts"
import { initializeAndLoad } from "./project.ts"

/** Everything that `jiji init` writes or says. */
const everything = (result: object) => JSON.stringify(result)

test("a variable looks like a secret by a word of its name", () => {
  const secret =
    "STRIPE_KEY db_password PGPASS PGPASSWORD DB_PASSWD MYSQL_PWD SENTRY_DSN API_TOKEN apiKey AWS_ACCESS_KEY_ID APIKEY SECRETS GOOGLE_CREDENTIALS db-pass TOKEN2"
  for (const name of secret.split(" ")) expect([name, hasSecretName(name)]).toEqual([name, true])
  const plain =
    "MONKEY KEYBOARD HOTKEY_MODE COMPASS BYPASS TOKENIZER PASSENGERS SECRETARY LOG_LEVEL TURKEY KEYCLOAK_HOST"
  for (const name of plain.split(" ")) expect([name, hasSecretName(name)]).toEqual([name, false])
})

test("a variable looks like a secret by its value", () => {
  for (const value of [
    "postgres://u:p4ss@db/x",
    "redis://:p4ss@r",
    "a amqp://u:p@ss@mq",
    "-----BEGIN RSA PRIVATE KEY-----"
  ])
    expect([value, looksSecret("X", value)]).toEqual([value, true])
  for (const value of ["postgres://u@db:5432/x", "http://web:80/@a", "http://web/a:b@c", "git@github.com:a/b"])
    expect([value, looksSecret("X", value)]).toEqual([value, false])
  for (const value of ["", "yes", "FALSE"]) expect(looksSecret("ALLOW_EMPTY_PASSWORD", value)).toBe(false)
})

describe("jiji init copies no secret", () => {
  it.live("of a compose file", () =>
    Effect.gen(function* () {
      const compose = `services:
  app:
    build: { context: ., args: { NPM_TOKEN: s3cr3t, RUBY: 3.3 } }
    environment:
      STRIPE_KEY: s3cr3t
      DATABASE_URL: postgres://u:s3cr3t@db/app
      CACHE: "\${CACHE:-redis://:s3cr3t@cache}"
      db_password: s3cr3t
      PGPASS: s3cr3t
      DB_PASSWD: s3cr3t
      SENTRY_DSN: https://s3cr3t@sentry.example.com/1
      DOCKER_TOKEN: s3cr3t
      MONKEY: banana
      KEYBOARD: de
`
      const result = yield* initializeAndLoad({ "compose.yml": compose }, { servers: ["203.0.113.10"] })
      expect(result.project.services[0]?.environment).toMatchObject({
        clear: { MONKEY: "banana", KEYBOARD: "de" },
        secrets: ["STRIPE_KEY", "DATABASE_URL", "CACHE", "DB_PASSWORD", "PGPASS", "DB_PASSWD", "SENTRY_DSN"]
      })
      expect(result.secrets).toContain("STRIPE_KEY")
      expect(result.notes).toEqual([
        "services.app.environment.db_password: looks like a secret, so the container gets it as DB_PASSWORD: put it into .env",
        "services.app.environment.DOCKER_TOKEN: looks like a secret, but no secret can have this name: choose another one",
        "services.app.build.args.NPM_TOKEN: looks like a secret: use `build.secrets`, since arguments stay in the image"
      ])
      const { project: _, ...printed } = result
      expect(everything(printed)).not.toContain("s3cr3t")
    })
  )

  for (const password of ["s3cr3t", "S3CR3T"]) {
    it.live(`of Kamal's file, with the registry's password ${password}`, () =>
      Effect.gen(function* () {
        const kamal = `service: shop
image: acme/shop
servers: [203.0.113.10]
builder: { arch: amd64, args: { npm_token: s3cr3t } }
registry: { server: ghcr.io, username: acme, password: ${password} }
env:
  clear: { STRIPE_KEY: s3cr3t, URL: "postgres://u:s3cr3t@db", LOG: info }
accessories:
  db: { image: "postgres:17", host: 203.0.113.10, env: { POSTGRES_PASSWORD: s3cr3t, POSTGRES_DB: shop } }
`
        const result = yield* initializeAndLoad({ "config/deploy.yml": kamal })
        expect(result.project.services.map(({ environment }) => environment)).toMatchObject([
          { clear: { LOG: "info" }, secrets: ["STRIPE_KEY", "URL"] },
          { clear: { POSTGRES_DB: "shop" }, secrets: ["POSTGRES_PASSWORD"] }
        ])
        expect(result.secrets).toEqual(["REGISTRY_PASSWORD", "STRIPE_KEY", "URL", "POSTGRES_PASSWORD"])
        expect(result.notes).toContain(
          "registry.password: is a password, which jiji does not copy: put it into .env as REGISTRY_PASSWORD"
        )
        const { project: _, ...printed } = result
        expect(everything(printed).toLowerCase()).not.toContain("s3cr3t")
      })
    )
  }
})
