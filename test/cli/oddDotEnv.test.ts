import { describe, expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"

compileFirst()

const config =
  "project: shop\nservers: { a: { host: a } }\n" +
  "services: { web: { image: nginx, hosts: [a], environment: { secrets: [TOKEN, DATABASE_URL] } } }\n"

const printSecrets = (dotEnv: string, env: Readonly<Record<string, string>> = {}) => {
  using shop = project({ ".jiji/deploy.yml": config, ".env": dotEnv })
  return shop.jiji(["secrets", "print"], env)
}

const table = "SECRET        FOUND IN  USED BY\nTOKEN         .env      web\nDATABASE_URL  .env      web\n"

describe("a .env with a line that is no NAME=value", () => {
  test("only causes a warning with the line if no needed secret is concerned", () => {
    const dotEnv = "TOKEN=hunter21\nfoo.bar=hunter22\nDATABASE_URL=x\nOTHER=1\nhunter23\nspring.x='open\n"
    using shop = project({ ".jiji/deploy.yml": config, ".env": dotEnv })
    const stderr =
      "warning: .env:2, .env:5 and .env:6 have syntax errors; jiji ignores them.\n" +
      "  → Write each secret as NAME=value, and start comments with #.\n"
    expect(shop.jiji(["secrets", "print"])).toEqual({ code: 0, stdout: table, stderr })
    const deploy = shop.jiji(["deploy", "--dry-run"])
    expect(deploy).toMatchObject({ code: 0, stderr })
    expect(deploy.stdout).not.toContain("hunter2")
  })

  test("fails if the line may define a needed secret, without a warning that jiji ignores it", () => {
    expect(printSecrets("export TOKEN hunter2\nDATABASE_URL=x\n", { TOKEN: "other" })).toEqual({
      code: 78,
      stdout: "",
      stderr:
        "error: .env:1 does not have the form NAME=value\n" +
        "  → Write each secret as NAME=value. Quote values with spaces, quotes or several lines.\n"
    })
  })

  test("fails if a needed secret may be part of a value that is not closed", () => {
    const { code, stderr } = printSecrets("OTHER='x\nTOKEN=hunter2\nDATABASE_URL=x\n")
    expect([code, stderr.split("\n")[0]]).toEqual([78, "error: .env:1 opens a value with ' but does not close it"])
  })

  test("names the line where a missing secret may be", () => {
    const { code, stderr, stdout } = printSecrets("foo.bar=1\nDATABASE-URL=hunter2\nTOKEN=x\n")
    expect([code, stdout]).toEqual([78, expect.stringMatching(/^DATABASE_URL {2}missing/m)])
    expect(stderr).toEndWith(
      "error: The secret DATABASE_URL is missing; jiji looked in .env and the process environment. " +
        "It cannot read .env:2.\n" +
        "  → If .env:2 should define it, write it as NAME=value. Otherwise add DATABASE_URL=… to .env, or set it in the environment.\n"
    )
  })

  test("is not read if no secret is needed", () => {
    const files = { ".jiji/deploy.yml": config.replace("TOKEN, DATABASE_URL", ""), ".env": "foo.bar=1\n" }
    using shop = project(files)
    expect(shop.jiji(["secrets", "print"])).toEqual({ code: 0, stdout: "shop needs no secrets.\n", stderr: "" })
  })

  test("and a secret in an earlier file is not affected", () => {
    using shop = project({
      ".jiji/deploy.yml": config,
      ".jiji/deploy.staging.yml": "{}\n",
      ".env.staging": "TOKEN=1\nDATABASE_URL=2\n",
      ".env": "TOKEN: 1\n"
    })
    expect(shop.jiji(["secrets", "print", "-e", "staging"])).toMatchObject({ code: 0 })
  })
})
