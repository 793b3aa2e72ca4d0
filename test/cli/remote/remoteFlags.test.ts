import { describe, expect, test } from "bun:test"
import { Effect, Result } from "effect"
import { command } from "../../../src/cli/commands/root.ts"
import { splitRemoteFlags } from "../../../src/cli/remote/remoteFlags.ts"
import { goesToServer, remoteUses } from "../../../src/cli/remote/remoteUses.ts"

const url = "https://deploy.example.com"
const split = (line: string, env: NodeJS.ProcessEnv = {}) => Result.getOrThrow(splitRemoteFlags(line.split(" "), env))

describe("the flags of a remote command", () => {
  test("stand before the command, or behind one of jiji's own", () => {
    const expected = { url, isExplicit: true, detach: true, allowHttp: false, project: "shop" }
    for (const line of [
      `--remote ${url} --project=shop --detach deploy -e staging`,
      `deploy --remote=${url} -e --project shop staging --detach`.replace(
        "-e --project shop staging",
        "--project shop -e staging"
      )
    ]) {
      expect(split(line)).toEqual({ words: ["deploy", "-e", "staging"], remote: expected })
    }
  })

  test("are left to pipelines, aliases and commands of servers", () => {
    for (const line of [
      "run release --project shop --detach",
      "console-of-ours --remote x",
      "exec web -- psql --remote x",
      "restart web -- --remote"
    ]) {
      expect(split(line)).toEqual({ words: line.split(" ") })
      expect(split(line, { JIJI_REMOTE: url })).toMatchObject({ words: line.split(" "), remote: { isExplicit: false } })
    }
  })

  test("need a server, and their values", () => {
    const fails = (line: string) => splitRemoteFlags(line.split(" "), { JIJI_REMOTE: "" })
    expect(fails("--project shop deploy")).toMatchObject({ failure: { flag: "--project", problem: "remote" } })
    expect(fails("deploy --detach")).toMatchObject({ failure: { flag: "--detach", problem: "remote" } })
    expect(fails("--remote")).toMatchObject({ failure: { flag: "--remote", problem: "value" } })
  })
})

describe("every command", () => {
  const names = command.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name)).sort()

  test("has a use with --remote, or a reason why not", () => {
    expect(Object.keys(remoteUses).sort()).toEqual(names)
    const reasons = Object.values(remoteUses).flatMap((use) =>
      use !== undefined && "reason" in use ? [use.reason] : []
    )
    expect(reasons.length).toBeGreaterThan(10)
    for (const reason of reasons) expect(reason).toMatch(/^(?:[A-Z]|jiji ).*\.$/)
  })

  test("that is about this machine runs here if only the environment names a server", () => {
    const goes = (line: string, isExplicit: boolean) =>
      Effect.runSync(Effect.result(goesToServer(line.split(" "), { url, isExplicit, detach: false, allowHttp: false })))
    expect(goes("init", false)).toMatchObject({ success: false })
    expect(goes("init", true)).toMatchObject({ failure: { _tag: "NotRemote" } })
    expect(goes("ps", false)).toMatchObject({ failure: { _tag: "NotRemote" } })
    expect(goes("deploy --help", true)).toMatchObject({ success: false })
    expect(goes("deploy", false)).toMatchObject({ success: true })
  })
})
