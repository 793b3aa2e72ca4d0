import { afterAll, beforeAll, setDefaultTimeout } from "bun:test"
import type { HostSpec } from "./Host.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { compile } from "../support/program.ts"

/** Whether jiji has to use docker's client on the servers: `hosts.sh` lets their sshd forward no Unix sockets then. */
export const usesClient = process.env["JIJI_TEST_ENGINE_WAY"] === "client"

/** Defines tests of what is the same whichever way jiji uses docker on the servers: they run with its API only. */
export const withApiOnly = (define: () => void): void => {
  if (!usesClient) define()
}

/**
 * Compiles jiji and starts hosts before the tests of a file, and stops them after the last one. `servers` are their engines by name. A
 * `beforeAll` that follows may use the hosts. Tests and hooks get two minutes each, for a busy machine.
 */
export const withHosts = (
  servers: Readonly<Record<string, HostSpec["engine"]>>,
  operator: HostSpec["engine"] = "docker"
): Hosts => {
  let started: Hosts | undefined
  const hosts = (): Hosts => {
    if (started === undefined) throw new Error("the hosts have not started: use them in hooks and tests only")
    return started
  }
  setDefaultTimeout(120_000)
  beforeAll(async () => {
    compile()
    const specs = Object.entries(servers).map(([name, engine]) => ({ name, engine }))
    started = await startHosts({ operator, servers: specs })
  })
  afterAll(() => started?.close())
  return {
    get operator() {
      return hosts().operator
    },
    get servers() {
      return hosts().servers
    },
    get key() {
      return hosts().key
    },
    get home() {
      return hosts().home
    },
    get folder() {
      return hosts().folder
    },
    server: (name) => hosts().server(name),
    slowLink: (line) => hosts().slowLink(line),
    close: () => hosts().close()
  }
}
