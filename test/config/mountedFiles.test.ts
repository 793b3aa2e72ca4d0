import { describe, expect } from "bun:test"
import { Effect, Redacted } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { load } from "../../src/config/load.ts"
import { secretNames } from "../../src/config/secretNames.ts"
import { it } from "../support/effect.ts"
import { Files, loadFiles } from "./project.ts"
import { service, testProblems } from "./problems.ts"

const deploy = (...files: ReadonlyArray<string>) => service(`files: [${files.join(", ")}]`)
const nginx = { "config/nginx.conf": "worker_processes 1;\n" }

const filesOf = Effect.fnUntraced(function* (text: string, contents: Readonly<Record<string, string | Uint8Array>>) {
  const { services } = yield* loadFiles({ ".jiji/deploy.yml": text, ...contents })
  return (services[0]?.files ?? []).map(({ source, ...rest }) =>
    source._tag === "Secret"
      ? { secret: source.name, ...rest }
      : { path: source.path, content: Buffer.from(Redacted.value(source.content)).toString(), ...rest }
  )
})

/** The problems in a project that `prepare` changes. */
const problemsIn = Effect.fnUntraced(function* (text: string, prepare: (root: string) => void) {
  const root = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-files-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  mkdirSync(join(root, "shop/.jiji"), { recursive: true })
  writeFileSync(join(root, "shop/.jiji/deploy.yml"), text)
  prepare(root)
  const error = yield* Effect.flip(load({ cwd: join(root, "shop") }).pipe(Effect.provide(Files)))
  return error.message
    .split("\n")
    .slice(1)
    .map((line) => line.replace(".jiji/deploy.yml:", ""))
}, Effect.scoped)

describe("files of a service", () => {
  it.live("are read with the project", () =>
    Effect.gen(function* () {
      expect(yield* filesOf(deploy('"config/nginx.conf:/etc/nginx/nginx.conf"'), nginx)).toEqual([
        {
          path: "config/nginx.conf",
          content: nginx["config/nginx.conf"],
          target: "/etc/nginx/nginx.conf",
          mode: "0444"
        }
      ])
    })
  )

  it.live("can be secrets, and have other permissions", () =>
    Effect.gen(function* () {
      const text = deploy(
        "{ path: config/nginx.conf, target: /a, mode: 555 }",
        '{ secret: TLS_KEY, target: /b, mode: "0440" }',
        "{ secret: TLS_KEY, target: /c, mode: 0400 }"
      )
      expect(yield* filesOf(text, nginx)).toEqual([
        { path: "config/nginx.conf", content: nginx["config/nginx.conf"], target: "/a", mode: "0555" },
        { secret: "TLS_KEY", target: "/b", mode: "0440" },
        { secret: "TLS_KEY", target: "/c", mode: "0400" }
      ])
    })
  )

  it.live("need their secrets, which are reported with all others", () =>
    Effect.gen(function* () {
      const text = deploy("{ secret: TLS_KEY, target: /b }").replace(
        "files:",
        "environment: { secrets: [TOKEN] }\n    files:"
      )
      expect(secretNames(yield* loadFiles({ ".jiji/deploy.yml": text }))).toEqual(["TOKEN", "TLS_KEY"])
    })
  )

  it.live("do not appear when a project is printed", () =>
    Effect.gen(function* () {
      const project = yield* loadFiles({ ".jiji/deploy.yml": deploy("config/nginx.conf:/a"), ...nginx })
      expect(Bun.inspect(project)).not.toContain("worker_processes")
      expect(JSON.stringify(project)).not.toContain("worker_processes")
    })
  )
})

describe("reports", () => {
  const mode = "must be permissions in octal digits, with which at least the owner can read, such as 0444"
  const target = "an absolute path of a file in the container, such as /etc/nginx/nginx.conf"
  testProblems([
    [
      "a file without a target",
      deploy("config/nginx.conf"),
      "8 services.web.files[0]: must be path:target, such as config/nginx.conf:/etc/nginx/nginx.conf"
    ],
    ["a relative target", deploy('".jiji/deploy.yml:etc/x"'), `8 services.web.files[0]: must end with ${target}`],
    [
      "a folder as the target",
      deploy("{ path: .jiji/deploy.yml, target: /etc/ }"),
      `8 services.web.files[0].target: must be ${target}, not "/etc/"`
    ],
    [
      "a target that the engine's option cannot contain",
      deploy('{ path: .jiji/deploy.yml, target: "/etc/x,readonly=false" }'),
      `8 services.web.files[0].target: must be ${target}, not "/etc/x,readonly=false"`
    ],
    [
      "an absolute path",
      deploy("/etc/passwd:/etc/passwd"),
      "8 services.web.files[0]: must begin with the path of a file in the project, relative to its folder, such as config/nginx.conf"
    ],
    ["a missing target", deploy("{ path: .jiji/deploy.yml }"), "8 services.web.files[0].target: is missing"],
    [
      "an unknown key",
      deploy("{ path: .jiji/deploy.yml, targt: /x, target: /y }"),
      "8 services.web.files[0].targt: is not a known key; did you mean `target`?"
    ],
    [
      "a file that nobody can read",
      deploy("{ path: .jiji/deploy.yml, target: /y, mode: 0044 }"),
      `8 services.web.files[0].mode: ${mode}`
    ],
    [
      "a name that is no secret's",
      deploy("{ secret: tls.key, target: /y }"),
      '8 services.web.files[0].secret: must be the name of a secret in capitals, such as API_TOKEN, not "tls.key"'
    ],
    [
      "both a path and a secret",
      deploy("{ secret: KEY, path: .jiji/deploy.yml, target: /y }"),
      "8 services.web.files[0]: has both path and secret; remove one"
    ],
    [
      "neither a path nor a secret",
      deploy("{ target: /y }"),
      "8 services.web.files[0]: needs either path, a file of the project, or secret, the name of a secret"
    ],
    [
      "two files at the same path",
      deploy("{ secret: KEY, target: /y }", ".jiji/deploy.yml:/y"),
      "8 services.web.files[1]: mounts at /y, where files[0] already does"
    ],
    ["a missing file", deploy("no.conf:/y"), "8 services.web.files[0]: no.conf does not exist in the project"],
    ["a folder", deploy(".jiji:/y"), "8 services.web.files[0]: .jiji cannot be read: it is a folder"]
  ])

  it.live("a missing file together with other mistakes, in the order of the file", () =>
    Effect.gen(function* () {
      const text = `${deploy("no.conf:/y").trimEnd()}\n    retain: 0\n`.replace("[web1]", "[web2]")
      const problems = yield* problemsIn(text, () => {})
      expect(problems.map((line) => line.split(":")[0])).toEqual([
        "7 services.web.hosts[0]",
        "8 services.web.files[0]",
        "9 services.web.retain"
      ])
    })
  )

  it.live("a file outside the project, also through a link", () =>
    Effect.gen(function* () {
      const outside = "is outside the project's folder; copy the file into it"
      const found = yield* problemsIn(deploy("../secret:/y", "link:/z"), (root) => {
        writeFileSync(join(root, "secret"), "x")
        symlinkSync(join(root, "secret"), join(root, "shop/link"))
      })
      expect(found).toEqual([
        `8 services.web.files[0]: ../secret ${outside}`,
        `8 services.web.files[1]: link ${outside}`
      ])
    })
  )

  it.live("a file that is too large", () =>
    Effect.gen(function* () {
      const found = yield* problemsIn(deploy("large:/y"), (root) => {
        writeFileSync(join(root, "shop/large"), new Uint8Array(1024 * 1024 + 1))
      })
      expect(found).toEqual(["8 services.web.files[0]: large cannot be read: it is larger than 1 MiB"])
    })
  )
})
