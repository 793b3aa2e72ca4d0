import { expect } from "bun:test"
import { Effect, Layer, Option, Redacted } from "effect"
import { Secrets } from "../../src/layers/Secrets.ts"
import { Scrubber } from "../../src/pipeline/Scrubber.ts"
import { Files, folder } from "../config/project.ts"
import { it } from "../effect.ts"

interface Places {
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly environment?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Runs with the secrets of these places. */
const withSecrets = <A, E>(
  { env = {}, environment, files = {} }: Places,
  body: Effect.Effect<A, E, Secrets | Scrubber>
) =>
  Effect.gen(function* () {
    const root = yield* folder(files)
    const layer = Secrets.layer({ root, env, ...(environment !== undefined && { environment }) })
    return yield* Effect.provide(body, Layer.provideMerge(layer, Layer.merge(Scrubber.layer, Files)))
  })

const resolve = (...names: ReadonlyArray<string>) => Effect.flatMap(Secrets, (secrets) => secrets.resolve(names))

const shown = (found: ReadonlyMap<string, Redacted.Redacted<string>>) =>
  Object.fromEntries([...found].map(([name, value]) => [name, Redacted.value(value)]))

const all: Places = {
  files: { ".env.staging": "A=staging\n", ".env": "A=dotenv\nB=dotenv\n", ".env.production": "A=production\n" },
  environment: "staging",
  env: { A: "process", B: "process", C: "process" }
}

it.live("the environment's file comes first, then .env, then the process environment", () =>
  withSecrets(
    all,
    Effect.gen(function* () {
      expect(shown(yield* resolve("A", "B", "C"))).toEqual({ A: "staging", B: "dotenv", C: "process" })
      const { where } = yield* Secrets
      expect(yield* Effect.forEach(["A", "B", "C", "D"], where)).toEqual([
        Option.some(".env.staging"),
        Option.some(".env"),
        Option.some("the process environment"),
        Option.none()
      ])
    })
  )
)

it.live("without an environment its file is not read", () =>
  withSecrets(
    { files: { ".env.staging": "A=staging\n" }, env: { A: "process" } },
    Effect.map(resolve("A"), shown)
  ).pipe(Effect.map((found) => expect(found).toEqual({ A: "process" })))
)

it.live("all missing secrets are told together, with the places that were searched", () =>
  withSecrets(
    { files: { ".env": "A=\nB=1\n" }, environment: "staging", env: { A: "", C: "" } },
    Effect.gen(function* () {
      const error = yield* Effect.flip(resolve("A", "B", "C", "D"))
      expect(error.message).toBe(
        "The secrets A (empty in .env and the process environment), C (empty in the process environment) and D are missing; " +
          "searched .env.staging (no such file), .env and the process environment."
      )
      expect(error.remedy).toBe("Write A=…, C=… and D=… into .env.staging, or set them in the environment.")
      expect([error._tag, error.exitCode]).toEqual(["SecretsMissing", 78])
    })
  )
)

it.live("an empty value is passed over for the next place", () =>
  withSecrets({ files: { ".env": "A=\n" }, env: { A: "process" } }, Effect.map(resolve("A"), shown)).pipe(
    Effect.map((found) => expect(found).toEqual({ A: "process" }))
  )
)

it.live("nothing that was resolved shows in text or in what is printed", () =>
  withSecrets(
    { env: { TOKEN: "s3cret-value" } },
    Effect.gen(function* () {
      const scrubber = yield* Scrubber
      expect(scrubber.text("s3cret-value")).toBe("s3cret-value")
      const found = yield* resolve("TOKEN")
      expect(scrubber.text("login with s3cret-value")).toBe("login with <redacted>")
      expect(Bun.inspect(found) + JSON.stringify([...found]) + String(found.get("TOKEN"))).not.toContain("s3cret")
    })
  )
)

it.live("a value that was written in the file is scrubbed like a secret", () =>
  withSecrets(
    { env: { TOKEN: "by-name" } },
    Effect.gen(function* () {
      const [secrets, scrubber] = [yield* Secrets, yield* Scrubber]
      const literal = yield* secrets.value({ _tag: "Literal", value: Redacted.make("by-hand") })
      const named = yield* secrets.value({ _tag: "Name", name: "TOKEN" })
      expect([Redacted.value(literal), Redacted.value(named)]).toEqual(["by-hand", "by-name"])
      expect(scrubber.text("by-hand by-name")).toBe("<redacted> <redacted>")
      expect((yield* Effect.flip(secrets.value({ _tag: "Name", name: "NONE" })))._tag).toBe("SecretsMissing")
    })
  )
)

it.live("several lines survive as they are", () =>
  withSecrets({ files: { ".env": 'KEY="-----BEGIN\nabc\n"\n' } }, Effect.map(resolve("KEY"), shown)).pipe(
    Effect.map((found) => expect(found).toEqual({ KEY: "-----BEGIN\nabc\n" }))
  )
)

it.live("a broken .env fails with its lines and none of its values, but only when it is needed", () =>
  withSecrets(
    { files: { ".env": "A=1\nhunter2\nB='open\n" } },
    Effect.gen(function* () {
      const error = yield* Effect.flip(resolve("A"))
      expect(error.message).toBe(
        ".env:2 is not of the form NAME=value\n.env:3 opens a value with ' and never closes it"
      )
      expect([error._tag, error.exitCode, JSON.stringify(error).includes("hunter2")]).toEqual([
        "SecretsUnreadable",
        78,
        false
      ])
    })
  )
)

it.live("a .env that is no file or no text is an error, not an empty one", () =>
  Effect.gen(function* () {
    const folder = yield* Effect.flip(withSecrets({ files: { ".env/x": "" } }, resolve("A")))
    expect(folder.message).toStartWith(".env cannot be read: ")
    const bytes = yield* Effect.flip(
      withSecrets({ files: { ".env": Buffer.from("A=1\nB=\xe9\n", "latin1") } }, resolve("A"))
    )
    expect(bytes.message).toBe(".env:2 is not UTF-8 text")
  })
)
