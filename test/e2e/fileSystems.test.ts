import { describe, expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst, project } from "../cli/project.ts"
import { program } from "../support/program.ts"

compileFirst()

const deploy =
  "project: shop\nservers: { a: { host: 127.0.0.1, arch: amd64 } }\nservices: { web: { image: nginx, hosts: [a] } }\n"

/** Runs jiji in a mount namespace of its own, after these commands, which get `$HOME` and the folder `$PROJECT`. */
const jiji = (
  shop: ReturnType<typeof project>,
  prepare: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
) => {
  const words = ["unshare", "--mount", "sh", "-ec", `${prepare}\nexec "$@"`, "sh", program, ...args]
  const { exitCode, stderr, stdout } = Bun.spawnSync(words, {
    cwd: shop.root,
    env: { ...shop.env, PROJECT: shop.root, ...env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

const readOnlyHome = "mount -t tmpfs -o ro tmpfs $HOME"
// No room for folders.
const fullHome = "mount -t tmpfs -o size=16k,nr_inodes=1 tmpfs $HOME"
const fullTemporary =
  "mkdir $HOME/t; mount -t tmpfs -o size=4k,nr_inodes=4 tmpfs $HOME/t; cat /dev/zero >$HOME/t/zero || :"

describe("the registry", () => {
  test("names the folder that is read-only, and what to do", () => {
    using shop = project({ ".jiji/deploy.yml": deploy })
    const registry = join(shop.home, ".local/share/jiji/registry")
    expect(jiji(shop, readOnlyHome, ["registry", "serve"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `error: The local registry in ${registry} cannot be used: cannot create the folder ${registry}/leases: the file system is read-only.\n  → Make the file system of ${registry}/leases writable, or use a folder elsewhere. XDG_DATA_HOME chooses another folder.\n`
    })
  })

  test("says that the disk is full, and what to do", () => {
    using shop = project({ ".jiji/deploy.yml": deploy })
    const registry = join(shop.home, ".local/share/jiji/registry")
    expect(jiji(shop, fullHome, ["registry", "serve"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `error: The local registry in ${registry} cannot be used: cannot create the folder ${registry}/leases: the disk is full.\n  → Free up space on the disk of ${registry}/leases: check it with \`df -h\`, and its inodes with \`df -i\`. You may delete ${registry}: the next deploy fills it again.\n`
    })
  })

  test("says that a home folder is a file, and what to do", () => {
    using shop = project({ ".jiji/deploy.yml": deploy, home: "" })
    const home = join(shop.root, "home")
    const { code, stderr } = jiji(shop, ":", ["registry", "serve"], { HOME: home })
    expect(code).toBe(1)
    expect(stderr).toContain(
      `cannot create the folder ${home}/.local/share/jiji/registry/leases: a part of this path is a file, not a folder.\n  → `
    )
    expect(stderr).toContain("If it is in your home folder, check HOME.")
  })

  test("names a folder that another user owns", () => {
    using shop = project({ ".jiji/deploy.yml": deploy })
    mkdirSync(join(shop.home, ".local"), { mode: 0o700 })
    // setpriv drops root's capability to ignore modes.
    const words = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    const prepare = `chmod 755 "$HOME" "$PROJECT" "$PROJECT/.jiji"; chmod 644 "$PROJECT/.jiji/deploy.yml"
      set -- ${words.join(" ")} "$@"`
    const { code, stderr } = jiji(shop, prepare, ["registry", "serve"])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(
        `cannot create the folder ${shop.home}/.local/share/jiji/registry/leases: permission denied.\n  → Give your user access to `
      )
    })
  })
})

describe("the run history", () => {
  const warnings = (prepare: string, env?: Readonly<Record<string, string>>) => {
    using shop = project({ ".jiji/deploy.yml": deploy, home: "" })
    const { stderr } = jiji(shop, prepare, ["deploy"], env)
    return stderr.replaceAll(shop.home, "HOME").split("\n").slice(0, 2)
  }

  test("says why it cannot be written", () => {
    expect(warnings(readOnlyHome)).toEqual([
      "warning: Cannot use the run history in HOME/.local/state/jiji/runs.sqlite: cannot create the folder HOME/.local: the file system is read-only.",
      "  → Make the file system of HOME/.local writable, or use a folder elsewhere. Or set XDG_STATE_HOME to another folder."
    ])
    expect(warnings(fullHome)[0]).toEndWith("cannot create the folder HOME/.local: the disk is full.")
    expect(warnings("mount -t tmpfs tmpfs $HOME; touch $HOME/.local")[0]).toEndWith(
      "cannot create the folder HOME/.local/state/jiji: a part of this path is a file, not a folder."
    )
  })
})

describe("the sandbox", () => {
  test("says why it cannot write its files", () => {
    using shop = project({ ".jiji/deploy.yml": deploy })
    const stderrOf = (prepare: string, env?: Readonly<Record<string, string>>) => {
      const { code, stderr } = jiji(shop, prepare, ["sandbox"], env)
      expect(code).toBe(77)
      return stderr
    }
    const readOnly = "mount --bind $PROJECT/.jiji $PROJECT/.jiji; mount -o remount,bind,ro $PROJECT/.jiji"
    expect(stderrOf(readOnly)).toStartWith(
      `error: The sandbox cannot start: cannot write ${shop.root}/.jiji/deploy.sandbox.yml: the file system is read-only.\n  → `
    )
    const temporary = { TMPDIR: join(shop.home, "t") }
    expect(stderrOf(fullTemporary, temporary)).toMatch(
      /: cannot write \/.*\/id_ed25519: the disk is full\.\n {2}→ Free/
    )
    writeFileSync(join(shop.root, "file"), "")
    expect(stderrOf(":", { TMPDIR: join(shop.root, "file") })).toMatch(
      /: cannot create the folder \/.*: a part of this path is a file, not a folder\.\n {2}→ /
    )
  })
})
