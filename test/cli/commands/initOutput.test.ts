import { expect, test } from "bun:test"
import { compileFirst, project } from "../project.ts"

compileFirst()

test("jiji init --json prints no characters of other tools' files that control a terminal", () => {
  using shop = project({ "compose.yml": 'services: { app: { image: nginx, "x\u009b31m\u202e": 1 } }\n' })
  const { code, stderr, stdout } = shop.jiji(["init", "--server", "203.0.113.10", "--json"])
  expect([code, stderr]).toEqual([0, ""])
  expect(stdout).toContain(String.raw`services.app.x\u009b31m\u202e`)
  expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u)
})

test("jiji init says how to write a server", () => {
  using shop = project({})
  const { code, stderr } = shop.jiji(["init", "--server", "web1=1.2.3.4"])
  expect(code).toBe(2)
  expect(stderr).toContain(`it must be an address or a host's name, as [user@]host[:port], not "web1=1.2.3.4"`)
  expect(stderr).not.toContain("without user and port")
})
