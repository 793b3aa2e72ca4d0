import { describe, expect } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Duration, Effect, Layer, Option, Redacted } from "effect"
import { Secrets } from "../../../src/layers/secrets/Secrets.ts"
import { Processes } from "../../../src/layers/processes/Processes.ts"
import { Events } from "../../../src/core/Events.ts"
import { Scrubber } from "../../../src/core/Scrubber.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import { folder } from "../../config/project.ts"
import { it } from "../../support/effect.ts"
import { isAlive } from "../../support/processes.ts"

interface Places {
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly environment?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly commandTimeout?: Duration.Input
}

/** Runs with the secrets of these places. */
const withSecrets = <A, E>(
  { commandTimeout, env = {}, environment, files = {} }: Places,
  body: Effect.Effect<A, E, Secrets | Scrubber>
) =>
  Effect.gen(function* () {
    const root = yield* folder(files)
    const layer = Secrets.layer({
      root,
      env,
      ...(environment !== undefined && { environment }),
      ...(commandTimeout !== undefined && { commandTimeout })
    })
    return yield* Effect.provide(
      body,
      layer.pipe(
        Layer.provide(Processes.layer),
        Layer.provideMerge(Events.layer),
        Layer.provideMerge(Layer.merge(Scrubber.layer, Platform.layer))
      )
    )
  })

const resolve = (...names: ReadonlyArray<string>) => Effect.flatMap(Secrets, (secrets) => secrets.resolve(names))

const shown = (found: ReadonlyMap<string, Redacted.Redacted<string>>) =>
  Object.fromEntries([...found].map(([name, value]) => [name, Redacted.value(value)]))

const all: Places = {
  files: { ".env.staging": "A=staging\n", ".env": "A=dotenv\nB=dotenv\n", ".env.production": "A=production\n" },
  environment: "staging",
  env: { A: "process", B: "process", C: "process" }
}

it.live("looks in the environment's file first, then in .env, then in the process environment", () =>
  withSecrets(
    all,
    Effect.gen(function* () {
      expect(shown(yield* resolve("A", "B", "C"))).toEqual({ A: "staging", B: "dotenv", C: "process" })
      const { locate } = yield* Secrets
      expect(yield* Effect.forEach(["A", "B", "C", "D"], locate)).toEqual([
        Option.some({ place: ".env.staging", isCommand: false }),
        Option.some({ place: ".env", isCommand: false }),
        Option.some({ place: "the process environment", isCommand: false }),
        Option.none()
      ])
    })
  )
)

it.live("does not read an environment's file without that environment", () =>
  withSecrets(
    { files: { ".env.staging": "A=staging\n" }, env: { A: "process" } },
    Effect.map(resolve("A"), shown)
  ).pipe(Effect.map((found) => expect(found).toEqual({ A: "process" })))
)

it.live("reports all missing secrets together, with the places searched", () =>
  withSecrets(
    { files: { ".env": "A=\nB=1\n" }, environment: "staging", env: { A: "", C: "" } },
    Effect.gen(function* () {
      const error = yield* Effect.flip(resolve("A", "B", "C", "D"))
      expect(error.message).toBe(
        "The secrets A (empty in .env and the process environment), C (empty in the process environment) and D are missing; " +
          "jiji looked in .env.staging (no such file), .env and the process environment."
      )
      expect(error.remedy).toBe("Add A=…, C=… and D=… to .env.staging, or set them in the environment.")
      expect([error._tag, error.exitCode]).toEqual(["SecretsMissing", 78])
    })
  )
)

it.live("skips an empty value for the next place", () =>
  withSecrets({ files: { ".env": "A=\n" }, env: { A: "process" } }, Effect.map(resolve("A"), shown)).pipe(
    Effect.map((found) => expect(found).toEqual({ A: "process" }))
  )
)

it.live("shows no resolved value in text or output", () =>
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

it.live("redacts literal values of deploy.yml like secrets", () =>
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

it.live("redacts a password in the base64 form that engines store", () =>
  withSecrets(
    { env: { TOKEN: "pass1" } },
    Effect.gen(function* () {
      yield* (yield* Secrets).value({ _tag: "Name", name: "TOKEN" }, "me")
      const { text } = yield* Scrubber
      expect(text(`{"auth":"${Buffer.from("me:pass1").toString("base64")}"}`)).toBe('{"auth":"<redacted>"}')
    })
  )
)

it.live("keeps values of several lines unchanged", () =>
  withSecrets({ files: { ".env": 'KEY="-----BEGIN\nabc\n"\n' } }, Effect.map(resolve("KEY"), shown)).pipe(
    Effect.map((found) => expect(found).toEqual({ KEY: "-----BEGIN\nabc\n" }))
  )
)

it.live("a broken .env fails with its lines and none of its values, but only if it is needed", () =>
  withSecrets(
    { files: { ".env": "A=1\nhunter2\nB='open\n" } },
    Effect.gen(function* () {
      const error = yield* Effect.flip(resolve("A"))
      expect(error.message).toBe(
        ".env:2 does not have the form NAME=value\n.env:3 opens a value with ' but does not close it"
      )
      expect([error._tag, error.exitCode, JSON.stringify(error).includes("hunter2")]).toEqual([
        "SecretsUnreadable",
        78,
        false
      ])
    })
  )
)

it.live("a .env that is not a file or not text is an error", () =>
  Effect.gen(function* () {
    const folder = yield* Effect.flip(withSecrets({ files: { ".env/x": "" } }, resolve("A")))
    expect(folder.message).toBe(".env cannot be read: it is a folder.")
    const large = yield* Effect.flip(
      withSecrets({ files: { ".env": `A=1 # ${"x".repeat(1024 * 1024)}` } }, resolve("A"))
    )
    expect(large.message).toBe(".env cannot be read: it is larger than 1 MiB.")
    const bytes = yield* Effect.flip(
      withSecrets({ files: { ".env": Buffer.from("A=1\nB=\xe9\n", "latin1") } }, resolve("B"))
    )
    expect(bytes.message).toBe(".env:2 is not UTF-8 text")
  })
)

describe("a command that provides a secret", () => {
  const count = '$(printf x >> runs; printf "s3cret-%s\\n" "$(wc -c < runs)")'

  it.live("runs once, in the project's folder, and only when the secret is needed", () =>
    withSecrets(
      { files: { ".env": `A=1\nB=${count}\n`, runs: "" } },
      Effect.gen(function* () {
        const [secrets, scrubber] = [yield* Secrets, yield* Scrubber]
        expect(shown(yield* resolve("A"))).toEqual({ A: "1" })
        expect(yield* secrets.locate("B")).toEqual(Option.some({ place: ".env", isCommand: true }))
        expect(yield* secrets.findMissing(["B"])).toEqual(Option.none())
        expect(shown(yield* resolve("A", "B"))).toEqual({ A: "1", B: "s3cret-1" })
        expect(Redacted.value(yield* secrets.value({ _tag: "Name", name: "B" }))).toBe("s3cret-1")
        expect(scrubber.text("s3cret-1")).toBe("<redacted>")
      })
    )
  )

  it.live("may be in deploy.yml too", () =>
    withSecrets(
      {},
      Effect.gen(function* () {
        const ref = {
          _tag: "Command",
          key: "builder.registry.password",
          command: Redacted.make("echo token-1")
        } as const
        expect(Redacted.value(yield* (yield* Secrets).value(ref))).toBe("token-1")
        const bad = yield* Effect.flip(
          (yield* Secrets).value({ ...ref, key: "other", command: Redacted.make("exit 3") })
        )
        expect(bad.message).toBe("The command for other (in deploy.yml) failed with exit code 3.")
      })
    )
  )

  it.live("keeps everything but the last newline", () =>
    withSecrets({ files: { ".env": "A=$(printf ' a\\nb\\n\\n')\n" } }, Effect.map(resolve("A"), shown)).pipe(
      Effect.map((found) => expect(found).toEqual({ A: " a\nb\n" }))
    )
  )

  it.live("is not run for values of the process environment", () =>
    withSecrets({ env: { A: "$(echo no)" } }, Effect.map(resolve("A"), shown)).pipe(
      Effect.map((found) => expect(found).toEqual({ A: "$(echo no)" }))
    )
  )

  it.live("appears in no process list, and has no input to wait for", () =>
    withSecrets(
      { files: { ".env": `A=$(cat; tr '\\0' ' ' < /proc/$$/cmdline; printf '|%s' "\${JIJI_COMMAND-unset}")\n` } },
      Effect.map(resolve("A"), shown)
    ).pipe(
      Effect.map(({ A }) => {
        expect(A).toEndWith("|unset")
        expect(A).not.toContain("cmdline")
      })
    )
  )

  for (const [protects, command, message] of [
    ["fails", "echo hunter2; echo no vault: hunter2 >&2; exit 4", "failed with exit code 4: no vault: <redacted>"],
    ["prints nothing", "echo locked >&2", "printed nothing: locked"],
    ["does not exist", "no-such-vault get x", "failed with exit code 127: "],
    ["is not valid shell", "if", "failed with exit code 2: "],
    ["never ends its output", "yes hunter2", "printed more than 64 KiB, which is too long for a secret."],
    [
      "prints too much for a secret",
      "head -c 70000 /dev/zero | tr '\\0' x",
      "printed more than 64 KiB, which is too long for a secret."
    ],
    ["prints a NUL byte", "printf 'a\\0b'", "printed a NUL byte, which no variable can hold."],
    ["is killed by a signal", "kill -9 $$", "failed with exit code 137."]
  ] as const) {
    it.live(`that ${protects} is reported with its own message and none of its output`, () =>
      withSecrets(
        { files: { ".env.staging": `TOKEN=$(${command})\n` }, environment: "staging" },
        Effect.gen(function* () {
          const error = yield* Effect.flip(resolve("TOKEN"))
          expect(error.message).toStartWith(`The command for TOKEN (in .env.staging) ${message}`)
          expect([error._tag, error.exitCode]).toEqual(["SecretCommandFailed", 78])
          expect(error.message + JSON.stringify(error) + Bun.inspect(error)).not.toContain("hunter2")
        })
      )
    )
  }

  it.live("that hangs is stopped with all its child processes", () =>
    Effect.gen(function* () {
      const pid = join(yield* folder({}), "pid")
      const error = yield* Effect.flip(
        withSecrets(
          { files: { ".env": `TOKEN=$(sleep 100 & echo $! > ${pid}; wait)\n` }, commandTimeout: "300 millis" },
          resolve("TOKEN")
        )
      )
      expect(error.message).toBe("The command for TOKEN (in .env) took longer than 0.3 s and was stopped.")
      expect(isAlive(Number(readFileSync(pid, "utf8")))).toBe(false)
    })
  )

  it.live("does not run when another secret is missing", () =>
    withSecrets(
      { files: { ".env": `B=${count}\n` } },
      Effect.map(Effect.flip(resolve("B", "C")), (error) => expect(error._tag).toBe("SecretsMissing"))
    )
  )
})
