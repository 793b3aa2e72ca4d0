import { describe, expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"

compileFirst()

const deployFile = `project: shop
servers:
  web1: { host: 203.0.113.10 }
  web2: { host: 203.0.113.11 }
services:
  web: { image: "nginx:1.27", hosts: [web1, web2], replicas: 3 }
  worker: { image: "worker:1", hosts: [web2], console: [bin/console] }
`
const aliases = `aliases:
  shell: exec web -- sh
  who: secrets print
  names: who
  pipeline: run hello --dry-run
`
const circle = "  circle: circle\n"

const shop = (more = "") => project({ ".jiji/deploy.yml": deployFile + more })

describe("jiji exec and console say in one sentence what is missing", () => {
  const cases: ReadonlyArray<readonly [words: string, message: string, remedy: string]> = [
    ["exec", "jiji exec needs the name of a service.", "For example: jiji exec web -- ls -l"],
    ["exec -- ls", "jiji exec needs the name of a service.", "For example: jiji exec web -- ls -l"],
    [
      "exec web",
      "jiji needs to know what to run: the command and its arguments, after --.",
      "For example: jiji exec web -- ls -l"
    ],
    [
      "exec web --",
      "jiji needs to know what to run: the command and its arguments, after --.",
      "For example: jiji exec web -- ls -l"
    ],
    [
      "server exec",
      "jiji needs to know what to run: the command and its arguments, after --.",
      "For example: jiji server exec -- ls -l"
    ],
    ["exec wbe -- ls", "There is no service wbe in deploy.yml; it has web and worker.", "Did you mean web?"],
    ["exec web.4 -- ls", "web has no replica 4: it has 3.", "Use a number from 1 to 3: web.3"],
    ["exec worker.2 -- ls", "worker has no replica 2: it has 1.", "Use worker alone."],
    ["exec web -H wbe1 -- ls", 'No server matches "wbe1"; deploy.yml has web1 and web2.', "Did you mean `-H web1`?"],
    [
      "exec worker -H web1 -- ls",
      "The service worker does not run on web1, so there is nothing to do.",
      "Choose other names with `-H` and `-S`, or add the server to the service's `hosts`."
    ],
    ["console", "jiji console needs the name of a service.", "For example: jiji console web"],
    [
      "console web",
      "The service web has no console command.",
      "Add it to deploy.yml, such as `console: [bin/console]` under services.web, or use `jiji exec web -- COMMAND`."
    ]
  ]
  test.each(cases)("jiji %s", (words, message, remedy) => {
    using here = shop()
    const { code, stderr, stdout } = here.jiji(words.split(" "))
    expect({ code, stderr, stdout }).toEqual({ code: 2, stderr: `error: ${message}\n  → ${remedy}\n`, stdout: "" })
  })

  test("without --, words of the command are reported", () => {
    using here = shop()
    expect(here.jiji(["exec", "web", "ls", "-la"]).code).toBe(2)
    expect(here.jiji(["server", "exec", "web1", "--", "uptime"]).stderr).toContain("web1")
  })
})

describe("an alias", () => {
  test("runs its command with further arguments, through other aliases, also in a folder below", () => {
    using here = shop(aliases)
    const direct = here.jiji(["secrets", "print"])
    expect(direct.code).toBe(0)
    for (const name of ["who", "names"]) expect(here.jiji([name])).toEqual(direct)
    expect(here.jiji(["who", "--nope"]).stderr).toContain("--nope")
    expect(here.jiji(["who", "--help"]).stdout).toBe(here.jiji(["secrets", "print", "--help"]).stdout)
  })

  test("can run a pipeline of the project, which needs all of jiji", () => {
    using here = project({
      ".jiji/deploy.yml": deployFile + aliases,
      ".jiji/pipelines/hello.ts": `import { Pipeline, Runnable } from "jiji"
export default Runnable.make({ pipeline: Pipeline.make<Runnable.RunInput>("hello") })
`
    })
    const { code, stderr, stdout } = here.jiji(["pipeline"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toContain("Dry run: run hello for shop")
  })

  test("with a mistake is reported with its line, and other commands report it, too", () => {
    using here = shop(aliases + circle)
    expect(here.jiji(["circle"])).toMatchObject({ code: 78, stdout: "" })
    for (const words of [["circle"], ["deploy", "--dry-run"]]) {
      expect(here.jiji(words).stderr).toContain(
        ".jiji/deploy.yml:13 aliases.circle: leads back to itself: circle → circle"
      )
    }
  })

  test("cannot replace a command", () => {
    using here = shop("aliases: { deploy: logs }\n")
    const { code, stderr } = here.jiji(["deploy"])
    expect(code).toBe(78)
    expect(stderr).toContain(
      ".jiji/deploy.yml:8 aliases.deploy: jiji has a command of this name, which an alias cannot replace; rename it, such as to `my-deploy`"
    )
  })

  test("is suggested for an unknown command, and listed", () => {
    using here = shop("aliases: { migrate: exec web -- bin/migrate, sh: \"exec web -- sh -c 'echo $HOME'\" }\n")
    const { code, stderr } = here.jiji(["migrte"])
    expect(code).toBe(2)
    expect(stderr).toBe(
      'error: Unknown subcommand "migrte" for "jiji"\n\n  Did you mean this?\n    migrate\n  → See: jiji --help\n'
    )
    expect(here.jiji(["list"]).stdout).toContain(
      "\nAliases in deploy.yml (run with `jiji NAME`):\n  migrate          jiji exec web -- bin/migrate\n  sh               jiji exec web -- sh -c 'echo $HOME'\n"
    )
  })

  test("is looked for only where there is a project", () => {
    using here = project({})
    expect(here.jiji(["frob"])).toEqual({
      code: 2,
      stdout: "",
      stderr: 'error: Unknown subcommand "frob" for "jiji"\n  → See: jiji --help\n'
    })
  })
})
