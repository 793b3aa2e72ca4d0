import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "jiji-full-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Records a run on a small disk of its own, prepared by shell commands. Returns the warnings. */
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

test("records a run silently when the disk has room", () => {
  expect(warned("8m", "true")).toBe("")
})

test("a disk that is or becomes full causes one warning, and the run continues", () => {
  expect(warned("8m", "cat /dev/zero >zeros 2>/dev/null || true")).toMatch(
    new RegExp(`^${RegExp.escape(cannot)}: the disk is full[^\n]*\n$`)
  )
  expect(warned("256k", "true")).toMatch(new RegExp(`^${RegExp.escape(cannot)}: the disk is full[^\n]*\n$`))
})

test("a read-only disk causes one warning, and the run continues", () => {
  const readOnly = `mount -o remount,ro ${folder}`
  expect(warned("8m", readOnly)).toBe(
    `${cannot}: cannot create the folder ${folder}/jiji: the file system is read-only.\n`
  )
  expect(warned("8m", `mkdir -m 700 jiji && : >jiji/runs.sqlite && chmod 600 jiji/runs.sqlite && ${readOnly}`)).toMatch(
    new RegExp(`^${RegExp.escape(cannot)}: your user may not write to it[^\n]*\n$`)
  )
})
