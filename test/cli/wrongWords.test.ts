import { describe, expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"
import { files } from "./shop.ts"

compileFirst()

describe("words that belong after --", () => {
  test.each([
    [["exec", "web", "ls"], 'Unexpected positional argument: "ls"', "jiji exec SERVICE -- ls"],
    [["exec", "web", "--sandbox"], "Unrecognized flag: --sandbox", "jiji exec SERVICE -- --sandbox"],
    [["server", "exec", "uptime", "my file"], "Unexpected positional arguments", "jiji server exec -- uptime 'my file'"]
  ])("of `jiji %p` get a hint", (args, message, hint) => {
    using shop = project(files)
    const { code, stderr } = shop.jiji(args)
    expect(code).toBe(2)
    expect(stderr).toContain(`error: ${message}`)
    expect(stderr).toContain(`\n  → What to run goes after --: ${hint}\n`)
  })

  test("are none for another command", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "web"]).stderr).toEndWith("\n  → See: jiji deploy --help\n")
  })
})

test("`deploy --yes` without --confirm says that it does nothing", () => {
  using shop = project(files)
  const words = ["deploy", "--dry-run", "--version", "v1", "--yes"]
  const warning = "warning: --yes does nothing without --confirm: a deploy does not ask by itself.\n"
  expect(shop.jiji(words)).toMatchObject({ code: 0, stderr: warning })
  expect(shop.jiji([...words, "--confirm"])).toMatchObject({ code: 0, stderr: "" })
})

test("`jiji stop` without names needs --yes where it cannot ask; with a name, or --dry-run, it does not", () => {
  using shop = project(files)
  const refused = {
    code: 2,
    stdout: "",
    stderr:
      "error: This command stops all services of shop, and it cannot ask for confirmation here.\n  → Use --yes to stop without confirmation.\n"
  }
  expect(shop.jiji(["stop"])).toEqual(refused)
  expect(shop.jiji(["stop", "-H", "web1", "--json"])).toMatchObject({ code: 2, stdout: "" })
  const one = shop.jiji(["stop", "-S", "ca*", "--dry-run"])
  expect(one.stdout).toStartWith("Dry run: stop cache on 2 servers, as deploy.yml has them.\n")
  expect(one.stdout).not.toContain("shop-web")
  expect(shop.jiji(["stop", "--dry-run"]).stdout).toContain("docker stop shop-web\n")
})

test("`jiji remove` takes globs as names, and still asks", () => {
  using shop = project(files)
  expect(shop.jiji(["remove", "-S", "c*", "--dry-run"]).stdout).toStartWith("Dry run: remove cache from 2 servers.\n")
  expect(shop.jiji(["remove", "-S", "c*"]).stderr).toStartWith("error: This command removes cache, and it cannot ask")
  expect(shop.jiji(["remove", "-S", "nope*", "--dry-run"]).code).toBe(2)
})

test("`lock --dry-run` can be read", () => {
  using shop = project(files)
  const { stdout } = shop.jiji(["lock", "-m", "moving the database", "--dry-run"])
  expect(stdout).toMatch(/jiji:mark\.sh action=lock .* payload='\{"user":.*"message":"moving the database"\}'$/m)
  expect(stdout).toMatch(/ owner=\S+@\S+ /)
  expect(stdout).not.toContain("JIJI_ENTRY")
})

test("`server list -H` lists some servers", () => {
  using shop = project(files)
  const { stdout } = shop.jiji(["server", "list", "-H", "web2"])
  expect(stdout.match(/^web\d/gm)).toEqual(["web2"])
})

test("`rollback --dry-run` says what it would go back to", () => {
  using shop = project(files)
  const heading = (...args: ReadonlyArray<string>) =>
    shop.jiji(["rollback", "--dry-run", ...args]).stdout.split("\n")[0]
  expect(heading()).toBe("Dry run: roll back shop to the previous version on 2 servers.")
  expect(heading("v1")).toBe("Dry run: roll back shop to version v1 on 2 servers.")
})
