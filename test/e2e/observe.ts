import { join } from "node:path"
import type { Result } from "./Command.ts"
import type { Container, Host } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"
import { until } from "../support/waiting.ts"
import { commandLines } from "../support/processes.ts"

/** The page that a server serves to the operator, or why there is none. */
export const page = async (hosts: Hosts, server: Host, port = 8080): Promise<string> => {
  const words = ["timeout", "5", "busybox", "wget", "-qO-", `http://${server.ip}:${port}/`]
  const got = await hosts.operator.try(words)
  return got.code === 0 ? got.stdout : `no page: ${got.stderr.trim()}`
}

/** The containers of a project, sorted by name. */
export const containersOf = async (host: Host, project: string): Promise<ReadonlyArray<Container>> =>
  (await host.containers())
    .filter(({ name }) => name.startsWith(`${project}-`))
    .sort((a, b) => a.name.localeCompare(b.name))

/** Processes that belong to containers. */
const ofContainers = /^(containerd-shim|docker-proxy|conmon|runc|crun|podman: |aardvark-dns)/

/** Processes of the tests themselves. */
const ofTests = /^(setsid|nsenter|env|ss|find)$/

const program = (words: ReadonlyArray<string>): string => words[0]?.split("/").at(-1) ?? ""

/**
 * Everything that a deploy could leave behind, one per line: listening ports, processes, and files in the folders that
 * programs write to. Containers, the operator's image store, the run history and Bun's cache of transpiled sources are
 * left out.
 */
export const traces = async (hosts: Hosts, host: Host): Promise<ReadonlyArray<string>> => {
  const isOperator = host === hosts.operator
  const folders = isOperator ? [hosts.home, join(hosts.folder, "../tmp")] : ["/tmp", "/root", "/run/deploy"]
  return [
    ...(await host.listeners())
      .filter(({ process }) => !ofContainers.test(process))
      .map(({ address, port, process }) => `listens: ${address}:${port} ${process}`),
    ...host
      .processes()
      .filter(({ words }) => !ofContainers.test(program(words)) && !ofTests.test(program(words)))
      .map(({ words }) => `runs: ${words.join(" ")}`)
      // The first process of a host waits for these.
      .filter((line) => line !== "runs: sleep infinity"),
    ...folders
      .flatMap((folder) => host.files(folder))
      .filter((path) => !/\/\.local\/(share\/jiji\/registry\/(?!tmp\/)|state\/jiji\/)|\/\.bun\//.test(path))
      .map((path) => `file: ${path}`)
  ].sort()
}

/** {@link traces} by host. */
export type Traces = Readonly<Record<string, ReadonlyArray<string>>>

/** {@link traces} of all hosts. */
export const allTraces = async (hosts: Hosts): Promise<Traces> =>
  Object.fromEntries(
    await Promise.all(
      [hosts.operator, ...hosts.servers].map(async (host) => [host.name, await traces(hosts, host)] as const)
    )
  )

/** The traces of hosts that do nothing: they are twice the same, a second apart. */
export const quietTraces = async (hosts: Hosts): Promise<Traces> => {
  let last: Traces = {}
  return until(
    async () => {
      const [before, now] = [last, await allTraces(hosts)]
      last = now
      return { before, now }
    },
    ({ before, now }) => Bun.deepEquals(before, now),
    { every: 1000 }
  ).then(({ now }) => now)
}

/** What is in one list and not in the other, by host. */
const changes = (from: Traces, to: Traces): ReadonlyArray<string> =>
  Object.entries(to).flatMap(([host, lines]) =>
    lines.filter((line) => from[host]?.includes(line) !== true).map((line) => `${host}: ${line}`)
  )

/** Waits until the traces of the hosts are what they were before. */
export const untilQuiet = (hosts: Hosts, quiet: Traces) =>
  until(
    async () => {
      const now = await allTraces(hosts)
      return { new: changes(quiet, now), gone: changes(now, quiet) }
    },
    (changed) => changed.new.length === 0 && changed.gone.length === 0
  )

/** The rows of the table at the end of a run, by column name. */
export const table = ({ stdout }: Result): ReadonlyArray<Readonly<Record<string, string>>> => {
  const lines = stdout.split("\n")
  const at = lines.findIndex((line) => line.startsWith("SERVICE"))
  if (at < 0) return []
  const names = (lines[at] ?? "").split(/ {2,}/)
  const rows = lines.slice(at + 1).filter((line) => line !== "")
  return rows.map((row) => Object.fromEntries(row.split(/ {2,}/).map((cell, column) => [names[column] ?? "", cell])))
}

/** Fails with the output of a run if it has failed. */
export const done = (run: Result): Result => {
  if (run.code !== 0) throw new Error(`ended with ${run.code}\n${run.stdout}${run.stderr}`)
  return run
}

/**
 * Collects the command lines of all processes on the machine, which include those of all hosts, as often as it can.
 * Every word ends with a NUL.
 */
export const watchCommandLines = () => {
  const seen = new Set<string>()
  const over = new AbortController()
  const watch = async () => {
    while (!over.signal.aborted) {
      for (const line of commandLines()) seen.add(line)
      await Bun.sleep(1)
    }
    return [...seen]
  }
  const watching = watch()
  return {
    stop: (): Promise<ReadonlyArray<string>> => {
      over.abort()
      return watching
    }
  }
}

/** Fetches a page again and again until stopped. Returns every response, or `FAILED` for a failed one. */
export const watchPage = (hosts: Hosts, server: Host, port: number) => {
  // On a new connection each time, as from many people.
  const get = `fetch("http://${server.ip}:${port}/", { keepalive: false, signal: AbortSignal.timeout(10_000) })`
  const text = `${get}.then((answer) => (answer.ok ? answer.text() : "FAILED")).catch(() => "FAILED")`
  const loop = hosts.operator.start([
    process.execPath,
    "-e",
    `while (true) { console.log(await ${text}); await Bun.sleep(50) }`
  ])
  return {
    /** Waits until the response is `last`. */
    stop: async (last: string): Promise<ReadonlyArray<string>> => {
      await loop.waitFor(`\n${last}\n`)
      loop.killGroup("SIGKILL")
      const { stdout } = await loop.done
      // The last line may be incomplete.
      return stdout.split("\n").slice(0, -1)
    }
  }
}

/** The outcomes in a run's table as `service server: outcome`, sorted. */
export const outcomes = (run: Result): ReadonlyArray<string> =>
  table(run)
    .map(({ OUTCOME, SERVER, SERVICE }) => `${SERVICE} ${SERVER}: ${OUTCOME}`)
    .toSorted()
