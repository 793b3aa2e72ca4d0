import { join } from "node:path"
import type { Result } from "./Command.ts"
import type { Container, Host } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"

/** The page that a server serves, as the operator sees it; its exit code's text where it serves none. */
export const page = async (hosts: Hosts, server: Host, port = 8080): Promise<string> => {
  const words = ["timeout", "5", "busybox", "wget", "-qO-", `http://${server.ip}:${port}/`]
  const got = await hosts.operator.try(words)
  return got.code === 0 ? got.stdout : `no page: ${got.stderr.trim()}`
}

/** The containers of a project, by name: `{ name, id, state }`, in the order of their names. */
export const containersOf = async (host: Host, project: string): Promise<ReadonlyArray<Container>> =>
  (await host.containers())
    .filter(({ name }) => name.startsWith(`${project}-`))
    .sort((a, b) => a.name.localeCompare(b.name))

/** What runs for a container, and changes with it. */
const ofContainers = /^(containerd-shim|docker-proxy|conmon|runc|crun|podman: )/

/** What a command of the tests themselves looks like, at work or as it begins. */
const ofTests = /^(setsid|nsenter|env|ss|find)$/

const program = (words: ReadonlyArray<string>): string => words[0]?.split("/").at(-1) ?? ""

/**
 * What would betray a deploy that left something behind: what listens, what runs and what lies in the folders that
 * programs write to, one a line. What belongs to containers, the operator's store of images, the record of runs, and what
 * Bun keeps of the programs it runs from their source are left out.
 */
export const traces = async (hosts: Hosts, host: Host): Promise<ReadonlyArray<string>> => {
  const isOperator = host === hosts.operator
  const folders = isOperator ? [hosts.home, join(hosts.folder, "../tmp")] : ["/tmp", "/root", "/run/deploy"]
  const [listeners, ...files] = await Promise.all([host.listeners(), ...folders.map((folder) => host.files(folder))])
  return [
    ...listeners
      .filter(({ process }) => !ofContainers.test(process))
      .map(({ address, port, process }) => `listens: ${address}:${port} ${process}`),
    ...host
      .processes()
      .filter(({ words }) => !ofContainers.test(program(words)) && !ofTests.test(program(words)))
      .map(({ words }) => `runs: ${words.join(" ")}`)
      // A host's own first process waits for these, one after another.
      .filter((line) => line !== "runs: sleep infinity"),
    ...files
      .flat()
      .filter((path) => !/\/\.local\/(share\/jiji\/registry\/(?!tmp\/)|state\/jiji\/)|\/\.bun\//.test(path))
      .map((path) => `file: ${path}`)
  ].sort()
}

/** {@link traces} of all hosts. */
export const allTraces = async (hosts: Hosts): Promise<Readonly<Record<string, ReadonlyArray<string>>>> =>
  Object.fromEntries(
    await Promise.all(
      [hosts.operator, ...hosts.servers].map(async (host) => [host.name, await traces(hosts, host)] as const)
    )
  )

/** The rows of the table at the end of a run, by their columns' names. */
export const table = ({ stdout }: Result): ReadonlyArray<Readonly<Record<string, string>>> => {
  const lines = stdout.split("\n")
  const at = lines.findIndex((line) => line.startsWith("SERVICE"))
  if (at < 0) return []
  const names = (lines[at] ?? "").split(/ {2,}/)
  const rows = lines.slice(at + 1).filter((line) => line !== "")
  return rows.map((row) => Object.fromEntries(row.split(/ {2,}/).map((cell, column) => [names[column] ?? "", cell])))
}

/** A run that must have ended well: fails with all that it said where it did not. */
export const done = (run: Result): Result => {
  if (run.code !== 0) throw new Error(`ended with ${run.code}\n${run.stdout}${run.stderr}`)
  return run
}

/** Fetches a page over and over, until it is told to stop; gives what came each time, and `FAILED` where nothing did. */
export const watchPage = (hosts: Hosts, server: Host, port: number) => {
  const fetch = `timeout 2 busybox wget -qO- http://${server.ip}:${port}/ || printf FAILED; echo; sleep 0.05`
  const loop = hosts.operator.start(["sh", "-c", `while :; do ${fetch}; done`])
  return {
    /** Waits until `last` came. */
    stop: async (last: string): Promise<ReadonlyArray<string>> => {
      await loop.waitFor(`\n${last}\n`)
      loop.killGroup("SIGKILL")
      const { stdout } = await loop.done
      // The last one may have been cut off.
      return stdout.split("\n").slice(0, -1)
    }
  }
}

/** The outcomes of a run's table, as `service server: outcome`, in that order. */
export const outcomes = (run: Result): ReadonlyArray<string> =>
  table(run)
    .map(({ OUTCOME, SERVER, SERVICE }) => `${SERVICE} ${SERVER}: ${OUTCOME}`)
    .toSorted()
