import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { sourceKeys } from "../../src/config/Trigger.ts"
import { pipelines } from "../cli/pipelines/program.ts"
import { compileFirst } from "../cli/project.ts"
import { dotEnv } from "../serve/deliveries.ts"
import { deployFile, makeServer, property, untilStatus } from "../serve/server.ts"

compileFirst()

const page = readFileSync(join(import.meta.dir, "../../docs/triggers.md"), "utf8")
const samples = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, code = ""]) => code)

test("docs/triggers.md has an example for each source", () => {
  const triggers = samples("yaml").filter((code) => code.includes("triggers:\n"))
  for (const key of Object.values(sourceKeys)) expect(triggers.some((code) => code.includes(`${key}:`))).toBe(true)
})

test("the pipeline of docs/triggers.md runs with `jiji run`, and has its triggers", async () => {
  const [code = ""] = samples("ts")
  using shop = pipelines({ ".jiji/pipelines/release.ts": code })
  const { code: exitCode, stderr, stdout } = shop.jiji(["run", "release", "--revision", "4c1d9e0", "--dry-run"])
  expect([exitCode, stderr]).toEqual([0, ""])
  expect(stdout).toContain("fetch origin 4c1d9e0")
  using folder = makeServer({ "shop/.jiji/pipelines/release.ts": code })
  const server = await folder.serve()
  const { body } = await server.request(folder.token("ci", "look"), "/api/triggers")
  expect(body).toMatchObject([{ name: "release.github" }, { name: "release.cron" }])
}, 60_000)

test("the request of docs/triggers.md starts a run", async () => {
  const [code = ""] = samples("bash")
  using folder = makeServer({
    "shop/.jiji/deploy.yml": `${deployFile}triggers:\n  call: { webhook: { secret: HOOK_SECRET }, pipeline: hello, input: { name: $.version } }\n`,
    "shop/.env": dotEnv
  })
  const token = folder.token("ci", "look")
  const server = await folder.serve()
  const script = code.replace("http://127.0.0.1:7070", server.url)
  const env = { PATH: "/usr/bin:/bin", WEBHOOK_SECRET: "It's a Secret to Everybody" }
  const curl = Bun.spawn(["bash", "-c", script], { env, stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  const answer: unknown = JSON.parse(await curl.stdout.text())
  expect(answer).toMatchObject({ verdict: "started" })
  const run = Number(property(answer, "run"))
  expect(await untilStatus(server, token, run, "succeeded")).toMatchObject({
    command: ["run", "hello", "--name=4c1d9e0"]
  })
}, 60_000)
