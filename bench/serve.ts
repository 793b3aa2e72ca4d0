// Measures jiji serve: `bun bench/serve.ts [RUNS]`. How soon a request runs, and how many requests a second it accepts.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { print, printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { median } from "./shared/rounds.ts"

const total = Number(process.argv[2] ?? 10_000)
/** How many requests are under way at a time. */
const parallel = 20
const rounds = 15

const jiji = compileJiji()
const root = mkdtempSync(join(tmpdir(), "jiji-bench-serve-"))
const env = { PATH: "/usr/bin:/bin", HOME: root }

/** One project runs at once; the other's first run waits, so that the others stay in the queue. */
const pipeline = (wait: boolean) => `import { Effect } from "effect"
import { Pipeline, Step } from "jiji"
export default Pipeline.make("nothing").pipe(Pipeline.step(Step.make("wait", () => ${wait ? "Effect.never" : "Effect.void"})))
`

for (const name of ["quick", "slow"]) {
  mkdirSync(join(root, "projects", name, ".jiji/pipelines"), { recursive: true })
  const deploy = `project: ${name}\nservers: { web1: { host: 127.0.0.1 } }\nservices: { web: { image: "nginx:1.27", hosts: [web1] } }\n`
  writeFileSync(join(root, "projects", name, ".jiji/deploy.yml"), deploy)
  writeFileSync(join(root, "projects", name, ".jiji/pipelines/nothing.ts"), pipeline(name === "slow"))
}

/** The processor time that a process has used, in milliseconds. A tick is 10 ms. */
const processorTime = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const token = Bun.spawnSync([jiji, "token", "create", "bench", "--role", "run"], { env }).stdout.toString().trim()
const server = Bun.spawn([jiji, "serve", join(root, "projects"), "--port", "0", "--drain", "0s"], {
  env,
  stdout: "ignore",
  stderr: "pipe"
})

try {
  let url = ""
  let text = ""
  for await (const chunk of server.stderr) {
    text += new TextDecoder().decode(chunk)
    url = /http:\S+/.exec(text)?.[0] ?? ""
    if (url !== "") break
  }
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const post = async (project: string): Promise<number> => {
    const body = JSON.stringify({ project, pipeline: "nothing" })
    const response = await fetch(`${url}/api/runs`, { method: "POST", headers, body })
    const { id }: { readonly id: number } = JSON.parse(await response.text())
    if (response.status !== 202) throw new Error(`the server answered ${response.status}`)
    return id
  }
  /** The events of a run, once it has ended. */
  const events = async (id: number): Promise<ReadonlyArray<{ readonly _tag: string; readonly time: number }>> => {
    const frames = (await (await fetch(`${url}/api/runs/${id}/events`, { headers })).text()).split("\n\n")
    return frames.filter((frame) => frame.startsWith("id: ")).map((frame) => JSON.parse(frame.split("data: ")[1] ?? ""))
  }

  // The first one starts the process that knows the project's pipelines.
  await events(await post("quick"))
  const delays: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    // Until the next worker is ready, as when nothing happens for a while.
    await Bun.sleep(1500)
    const sent = Date.now()
    const started = (await events(await post("quick"))).find(({ _tag }) => _tag === "StepStarted")
    delays.push((started?.time ?? Number.NaN) - sent)
  }
  printRounds("request to step", delays, median(delays), "ms")

  await post("slow")
  const start = performance.now()
  const before = processorTime(server.pid)
  let sent = 0
  const send = async () => {
    while (sent++ < total) await post("slow")
  }
  await Promise.all(Array.from({ length: parallel }, send))
  const seconds = (performance.now() - start) / 1000
  const perRun = (processorTime(server.pid) - before) / total
  const resident = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1024
  print(
    `${total} runs queued in ${seconds.toFixed(1)} s: ${(total / seconds).toFixed(0)} a second, ${perRun.toFixed(2)} ms of the server's processor time each`
  )
  report(
    { name: "jiji serve, idle: from a request until its first step", value: median(delays), unit: "ms", most: 100 },
    {
      name: `jiji serve: time to accept a run, with ${total} in the queue`,
      value: (seconds * 1000) / total,
      unit: "ms",
      most: 2
    },
    {
      // Says more than the time on a machine that is busy with something else.
      name: "jiji serve: the server's processor time for it",
      value: perRun,
      unit: "ms",
      most: 2
    },
    { name: `jiji serve: most memory, with ${total} in the queue`, value: resident, unit: "MB", most: 300 }
  )
} finally {
  server.kill("SIGTERM")
  await server.exited
  rmSync(root, { recursive: true, force: true })
}
