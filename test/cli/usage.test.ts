import { expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"

compileFirst()

test("the usage of a command is what can be typed", () => {
  using empty = project({})
  const usage = (command: string) => /^USAGE\n {2}(.*)$/m.exec(empty.jiji([command, "--help"]).stdout)?.[1]
  expect(usage("run")).toBe("jiji run PIPELINE [flags]")
  expect(usage("runs")).toBe("jiji runs [SUBCOMMAND] [flags]")
  expect(usage("deploy")).toBe("jiji deploy [flags]")
})
