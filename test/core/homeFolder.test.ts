import { describe, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { homeFolder } from "../../src/core/homeFolder.ts"
import { UserPaths } from "../../src/cli/UserPaths.ts"

const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim()
const home = execFileSync("sh", ["-c", `eval "printf %s ~${user}"`], { encoding: "utf8" })

describe("the home folder", () => {
  test("is an absolute $HOME", () => {
    expect(homeFolder({ HOME: "/other" })).toBe("/other")
  })

  for (const HOME of [undefined, "", ".", "folder", "./folder", "~"]) {
    test(`is the user database's if $HOME is ${HOME === undefined ? "not set" : `"${HOME}"`}`, () => {
      expect(homeFolder({ HOME })).toBe(home)
    })
  }
})

describe("jiji's files", () => {
  const usual = {
    dockerConfig: `${home}/.docker`,
    registry: `${home}/.local/share/jiji/registry`,
    history: `${home}/.local/state/jiji/runs.sqlite`,
    serve: `${home}/.local/state/jiji/serve.sqlite`
  }

  for (const path of [undefined, "", ".", "folder"]) {
    test(`are in the home folder if HOME and XDG_* are ${path === undefined ? "not set" : `"${path}"`}`, () => {
      expect(UserPaths.make({ HOME: path, XDG_DATA_HOME: path, XDG_STATE_HOME: path })).toEqual(usual)
    })
  }

  test("are in the folders that XDG_* name", () => {
    const paths = UserPaths.make({ HOME: "/other", XDG_DATA_HOME: "/data", XDG_STATE_HOME: "/state" })
    expect(paths).toEqual({
      dockerConfig: "/other/.docker",
      registry: "/data/jiji/registry",
      history: "/state/jiji/runs.sqlite",
      serve: "/state/jiji/serve.sqlite"
    })
  })
})
