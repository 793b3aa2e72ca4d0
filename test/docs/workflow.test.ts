import { expect, test } from "bun:test"
import { Schema } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse } from "yaml"
import manifest from "../../package.json" with { type: "json" }
import { secretPattern } from "../../src/config/fields.ts"

const text = readFileSync(join(import.meta.dir, "../../examples/github-actions/deploy.yml"), "utf8")

const Step = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  uses: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[\w-]+\/[\w-]+@v\d+$/u))),
  with: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  run: Schema.optionalKey(Schema.String)
})
const Workflow = Schema.Struct({
  name: Schema.String,
  on: Schema.Struct({ push: Schema.Struct({ branches: Schema.Array(Schema.String) }), workflow_dispatch: Schema.Null }),
  concurrency: Schema.Struct({ group: Schema.String, "cancel-in-progress": Schema.Literal(false) }),
  permissions: Schema.Struct({ contents: Schema.Literal("read"), packages: Schema.Literal("write") }),
  jobs: Schema.Struct({
    deploy: Schema.Struct({
      "runs-on": Schema.String,
      "timeout-minutes": Schema.Int,
      steps: Schema.Array(Step)
    })
  })
})

const { steps } = Schema.decodeUnknownSync(Workflow, { onExcessProperty: "error" })(parse(text)).jobs.deploy

test("the workflow installs what jiji needs and then deploys", () => {
  expect(steps.flatMap(({ run, uses }) => uses ?? run?.split("\n")[0] ?? [])).toEqual([
    "actions/checkout@v4",
    "oven-sh/setup-bun@v2",
    "bun install --frozen-lockfile",
    "install -m 700 -d ~/.ssh",
    "bun run jiji doctor",
    "bun run jiji deploy"
  ])
  expect(steps[1]?.with).toEqual({ "bun-version": manifest.devDependencies["@types/bun"] })
})

test("the workflow lists its secrets at the top, and jiji accepts their names", () => {
  const [head = ""] = text.split("\nname:")
  for (const { env = {} } of steps) {
    for (const [name, value] of Object.entries(env)) {
      expect(value).toBe(`\${{ secrets.${name} }}`)
      expect(name).toMatch(secretPattern)
      // GitHub provides this one.
      if (name !== "GITHUB_TOKEN") expect(head).toContain(`#   ${name} `)
    }
  }
})

test("the workflow writes the SSH key and the host keys where ssh and jiji look, readable only by the user", () => {
  const home = mkdtempSync(join(tmpdir(), "jiji-workflow-"))
  try {
    const { env = {}, run = "" } = steps.find(({ name }) => name === "Set up SSH") ?? {}
    const given = Object.fromEntries(Object.keys(env).map((name) => [name, `${name}\nof two lines`]))
    const done = Bun.spawnSync(["bash", "-euo", "pipefail", "-c", run], {
      env: { PATH: "/usr/bin:/bin", HOME: home, ...given }
    })
    expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""])
    expect(readdirSync(join(home, ".ssh")).sort()).toEqual(["id_ed25519", "known_hosts"])
    expect(readFileSync(join(home, ".ssh/id_ed25519"), "utf8")).toBe("SSH_PRIVATE_KEY\nof two lines\n")
    expect(readFileSync(join(home, ".ssh/known_hosts"), "utf8")).toBe("SSH_KNOWN_HOSTS\nof two lines\n")
    expect(statSync(join(home, ".ssh")).mode & 0o777).toBe(0o700)
    expect(statSync(join(home, ".ssh/id_ed25519")).mode & 0o777).toBe(0o600)
  } finally {
    rmSync(home, { recursive: true })
  }
})
