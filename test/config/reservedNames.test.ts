import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { secretPattern } from "../../src/config/fields.ts"
import { reservedName } from "../../src/config/reservedNames.ts"

test("rejects secrets with names that an engine's client or a shell interprets", () => {
  for (const name of ["HOME", "PATH", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST", "LD_PRELOAD", "JIJI_NAMES"]) {
    expect(reservedName(name)).toStartWith(`${name} cannot be a container's secret, because `)
  }
})

test("accepts names that applications use", () => {
  const names = [
    "DATABASE_URL",
    "HTTP_PROXY",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "SSH_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "GOOGLE_TOKEN"
  ]
  for (const name of [...names, "STORAGE_KEY", "USERNAME", "HOME_URL", "PATHS", "ENVIRONMENT", "A"]) {
    expect([name, reservedName(name)]).toEqual([name, undefined])
  }
})

const shells = [["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]].filter(([path = ""]) =>
  existsSync(path)
)

const run = (shell: ReadonlyArray<string>, script: string, env: Readonly<Record<string, string>> = {}) =>
  Bun.spawnSync([...shell, "-c", script], { env: { PATH: "/usr/bin:/bin", ...env }, stdin: "ignore" }).stdout.toString()

test("a shell passes on every variable that it knows and that is not rejected", () => {
  for (const shell of shells) {
    const known = [...run(shell, "set; compgen -v 2>/dev/null").matchAll(/^([A-Z][A-Z0-9_]*)(?:=|$)/gmu)]
    const names = new Set(known.map(([, name = ""]) => name))
    expect(names.size).toBeGreaterThan(3)
    for (const name of names) {
      if (!secretPattern.test(name) || reservedName(name) !== undefined) continue
      const value = "first\n second $x `y`\n"
      const script = `eval "export ${name}=\\"\\$JIJI_SECRET_0\\""; exec printenv ${name}`
      expect([shell[0], name, run(shell, script, { JIJI_SECRET_0: value })]).toEqual([shell[0], name, `${value}\n`])
    }
  }
})
