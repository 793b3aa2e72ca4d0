import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { builder } from "../../src/layers/docker/builder/builder.ts"
import { check } from "../../src/layers/docker/check/check.ts"
import { exec } from "../../src/layers/docker/exec/exec.ts"
import { session } from "../../src/layers/shell/session/session.ts"
import { logs } from "../../src/layers/docker/logs/logs.ts"
import { probe } from "../../src/layers/docker/probe/probe.ts"
import { pull } from "../../src/layers/docker/pull/pull.ts"
import { push } from "../../src/layers/docker/push/push.ts"
import { release } from "../../src/layers/docker/release/release.ts"
import { remove } from "../../src/layers/docker/remove/remove.ts"
import { pushIndex } from "../../src/layers/docker/pushIndex/pushIndex.ts"
import { replace } from "../../src/layers/docker/replace/replace.ts"
import { kept } from "../../src/layers/docker/kept/kept.ts"
import { setup } from "../../src/layers/setup/setup.ts"
import { network } from "../../src/layers/docker/network/network.ts"
import { tidy } from "../../src/layers/docker/tidy/tidy.ts"
import secret from "../../src/layers/secrets/command.sh" with { type: "text" }
import { program } from "../support/program.ts"
import { compileFirst, project } from "./project.ts"
import { files } from "./shop.ts"

compileFirst()

const usage = (text: string, command = "jiji deploy") => ({
  code: 2,
  stdout: "",
  stderr: `error: ${text}\n  → See: ${command} --help\n`
})

describe("jiji prints", () => {
  test("its version", () => {
    using shop = project(files)
    expect(shop.jiji(["--version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" })
  })

  test("help on stdout if it is asked for", () => {
    using shop = project(files)
    for (const args of [["--help"], ["-h"], ["deploy", "--help"]]) {
      const { code, stderr, stdout } = shop.jiji(args)
      expect([code, stderr]).toEqual([0, ""])
      expect(stdout).toContain("USAGE\n  jiji")
      expect(stdout).not.toContain("\u001b")
    }
    expect(shop.jiji(["deploy", "--help"]).stdout).toContain("--dry-run")
  })

  test("help if there are no arguments", () => {
    using shop = project(files)
    expect(shop.jiji([])).toEqual(shop.jiji(["--help"]))
    expect(shop.jiji(["registry"])).toEqual(shop.jiji(["registry", "--help"]))
  })

  test("the scripts that it runs on servers", () => {
    using shop = project(files)
    const named = [
      builder,
      check,
      exec,
      kept,
      logs,
      network,
      probe,
      pull,
      push,
      pushIndex,
      release,
      remove,
      replace,
      session,
      setup,
      tidy
    ].map(({ name, text }) => [name, text] as const)
    for (const [name, text] of [...named, ["secret", secret] as const]) {
      expect(shop.jiji(["script", name])).toEqual({ code: 0, stdout: text, stderr: "" })
    }
    const { code, stdout } = shop.jiji(["script"])
    expect([code, stdout]).toEqual([
      0,
      "audit\nbuild\nbuilder\ncheck\ncommit\nexec\nhold\nignored\nkept\nlogs\nlook\nmark\nname\nnetwork\nprobe\nproxy-apply\nproxy-certificates\nproxy-ensure\nproxy-ports\nproxy-read\nproxy-sites\nprune\npull\npush\npush-index\nregistry\nrelease\nremote-build\nremove\nreplace\nsecret\nsession\nsetup\ntidy\ntunnel\nversion\n"
    ])
    expect(shop.jiji(["script", "nope"])).toMatchObject({ code: 2, stdout: "" })
  })
})

describe("invalid usage", () => {
  test("prints only the error, on stderr, and exits with 2", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "--nope"])).toEqual(usage("Unrecognized flag: --nope in command jiji deploy"))
    expect(shop.jiji(["frob"])).toEqual(usage('Unknown subcommand "frob" for "jiji"', "jiji"))
    expect(shop.jiji(["--nope"])).toEqual(usage("Unrecognized flag: --nope in command jiji", "jiji"))
    expect(shop.jiji(["deploy", "extra"])).toEqual(usage('Unexpected positional argument: "extra"'))
    expect(shop.jiji(["deploy", "--version"])).toEqual(usage("Missing value for flag --version. Expected: TAG"))
  })

  test("lists the servers if a pattern matches none", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "-H", "db*"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'error: No server matches "db*"; deploy.yml has web1 and web2.\n' +
        '  → Use one of these names with `-H`, or a pattern such as "*".\n'
    })
    expect(shop.jiji(["deploy", "-S", "nope"])).toMatchObject({ code: 2, stdout: "" })
  })
})

describe("a reader of the output", () => {
  test("can stop early without an error", () => {
    using shop = project(files)
    for (const args of ["deploy --dry-run", "--help", "deploy"]) {
      const line = `"${program}" ${args} 2>"${shop.home}/stderr" | head -n 1; echo "\${PIPESTATUS[0]}"`
      const { stdout } = Bun.spawnSync(["bash", "-c", line], {
        cwd: shop.root,
        env: { ...shop.env, PATH: "/usr/bin:/bin" },
        stdin: "ignore"
      })
      expect(stdout.toString().trim().split("\n")).toHaveLength(2)
      expect(readFileSync(join(shop.home, "stderr"), "utf8")).not.toMatch(/EPIPE|at .*\.ts:/)
    }
  })

  test("can be slow and still gets everything", () => {
    const services = Array.from(
      { length: 200 },
      (_, n) => `  s${n}: { image: "redis:7", hosts: [web1], environment: { clear: { A: ${"x".repeat(500)} } } }\n`
    )
    using shop = project({
      ".jiji/deploy.yml": `project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices:\n${services.join("")}`
    })
    const line = `"${program}" deploy --dry-run | (sleep 0.5; cat)`
    const { stdout } = Bun.spawnSync(["bash", "-c", line], { cwd: shop.root, env: shop.env, stdin: "ignore" })
    expect(stdout.toString().match(/docker rename /g)).toHaveLength(200)
    expect(stdout.toString()).toEndWith("through the engine's API where it can.\n")
  })
})
