import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import manifest from "../../../package.json" with { type: "json" }
import { compileFirst, project } from "../project.ts"
import { files } from "../shop.ts"

compileFirst()

describe("jiji config", () => {
  test("prints the selected part of the project as YAML, and as JSON", () => {
    using shop = project(files)
    const yaml = shop.jiji(["config", "-S", "cache"])
    expect([yaml.code, yaml.stderr]).toEqual([0, ""])
    const json = shop.jiji(["config", "-S", "cache", "--json"])
    expect(JSON.parse(json.stdout)).toEqual({ version: 1, ...parse(yaml.stdout) })
    expect(Object.keys(parse(yaml.stdout).services)).toEqual(["cache"])
    expect(shop.jiji(["config"]).stdout).not.toContain("hunter22")
  })

  test("fails like every command if deploy.yml is invalid", () => {
    using shop = project({ ".jiji/deploy.yml": "project: shop\n" })
    expect(shop.jiji(["config"])).toMatchObject({ code: 78, stdout: "" })
  })
})

test("jiji schema prints the schema of the documentation", () => {
  using shop = project({})
  const schema = readFileSync(join(import.meta.dir, "../../../docs/deploy.schema.json"), "utf8")
  expect(shop.jiji(["schema"])).toEqual({ code: 0, stdout: schema, stderr: "" })
})

test("jiji version and jiji help print what --version and --help print", () => {
  using shop = project({})
  expect(shop.jiji(["version"])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" })
  expect(shop.jiji(["help"])).toEqual(shop.jiji(["--help"]))
  expect(shop.jiji(["help", "runs", "show"])).toEqual(shop.jiji(["runs", "show", "--help"]))
  expect(shop.jiji(["help", "dploy"])).toMatchObject({ code: 2, stdout: "" })
})

describe("jiji completions", () => {
  /** What bash offers after these words. */
  const complete = (shop: ReturnType<typeof project>, ...words: ReadonlyArray<string>) => {
    const script = `eval "$SCRIPT"
function=$(complete -p jiji); function=\${function#*-F }; function=\${function%% *}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
$function jiji "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = Bun.spawnSync(["bash", "-c", script, "bash", ...words], {
      env: { ...shop.env, SCRIPT: shop.jiji(["completions", "bash"]).stdout }
    })
    return stdout
      .toString()
      .split("\n")
      .map((word) => word.trim())
  }

  test("completes commands, subcommands and flags in bash", () => {
    using shop = project({})
    expect(complete(shop, "jiji", "comp")).toContain("completions")
    expect(complete(shop, "jiji", "registry", "lo")).toEqual(expect.arrayContaining(["login", "logout"]))
    expect(complete(shop, "jiji", "deploy", "--dry")).toContain("--dry-run")
  })

  test("prints a script for zsh and fish, and refuses other shells", () => {
    using shop = project({})
    expect(shop.jiji(["completions", "zsh"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("#compdef jiji")
    })
    expect(shop.jiji(["completions", "fish"]).stdout).toContain("complete -c jiji")
    expect(shop.jiji(["completions", "tcsh"])).toMatchObject({ code: 2, stdout: "" })
  })
})
