import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "jiji-full-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Keeps a run on a disk of its own, which nobody else sees, and that is made what it is by commands; what was warned of. */
const warned = (size: string, commands: string): string => {
  const program = join(import.meta.dir, "../record/writing.ts")
  const mount = `mount -t tmpfs -o size=${size} none ${folder} && cd ${folder} && ${commands} && exec "$@"`
  const words = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    mount,
    "sh",
    process.execPath,
    program,
    join(folder, "jiji/runs.sqlite"),
    "run"
  ]
  const { exitCode, stderr, stdout } = Bun.spawnSync(words, { stdout: "pipe", stderr: "pipe" })
  expect([exitCode, stderr.toString()]).toEqual([0, ""])
  return stdout.toString()
}
const cannot = `Cannot use the run history in ${folder}/jiji/runs.sqlite`

test("on a disk with room a run is kept without a word", () => {
  expect(warned("8m", "true")).toBe("")
})

test("a disk that is full, or becomes so, is one warning, and the run goes on", () => {
  expect(warned("8m", "cat /dev/zero >zeros 2>/dev/null || true")).toMatch(
    new RegExp(`^${RegExp.escape(cannot)}: the disk is full[^\n]*\n$`)
  )
  expect(warned("256k", "true")).toMatch(new RegExp(`^${RegExp.escape(cannot)}: the disk is full[^\n]*\n$`))
})

test("a disk that is read-only is one warning, and the run goes on", () => {
  const readOnly = `mount -o remount,ro ${folder}`
  expect(warned("8m", readOnly)).toMatch(
    new RegExp(`^${RegExp.escape(cannot)}: your user may not write to it[^\n]*\n$`)
  )
  expect(warned("8m", `mkdir -m 700 jiji && : >jiji/runs.sqlite && chmod 600 jiji/runs.sqlite && ${readOnly}`)).toMatch(
    new RegExp(`^${RegExp.escape(cannot)}: your user may not write to it[^\n]*\n$`)
  )
})
