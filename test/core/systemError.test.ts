import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import { describe, expect, test } from "bun:test"
import { Effect, FileSystem, PlatformError } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { messageOf } from "../../src/core/errorText.ts"
import { systemErrorReason, systemErrorRemedy, systemErrorText } from "../../src/core/systemError.ts"
import { it } from "../support/effect.ts"

/** A folder with a file, a folder, and a link that leads back to itself. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "jiji-system-"))
    writeFileSync(join(root, "file"), "")
    mkdirSync(join(root, "dir"))
    symlinkSync("loop", join(root, "loop"))
    return root
  }),
  (root) => Effect.sync(() => rmSync(root, { recursive: true }))
)

/** The texts of the error that an operation on files fails with. */
const textsOf = <E>(operation: (fs: FileSystem.FileSystem) => Effect.Effect<unknown, E>) =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => Effect.flip(operation(fs))),
    Effect.map((error) => ({ text: systemErrorText(error), remedy: systemErrorRemedy(error), error })),
    Effect.provide(NodeFileSystem.layer)
  )

describe("an error of the file system", () => {
  it.live("says what failed, where and why", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const at = (name: string) => join(root, name)
      const cases: ReadonlyArray<readonly [(fs: FileSystem.FileSystem) => Effect.Effect<unknown, unknown>, string]> = [
        [
          (fs) => fs.makeDirectory(at("file/a/b"), { recursive: true }),
          `cannot create the folder ${at("file/a/b")}: a part of this path is a file, not a folder`
        ],
        [
          (fs) => fs.makeDirectory(at("file"), { recursive: true }),
          `cannot create the folder ${at("file")}: something else already has this name`
        ],
        [
          (fs) => fs.makeDirectory(at("none/a")),
          `cannot create the folder ${at("none/a")}: the folder above it does not exist`
        ],
        [
          (fs) => fs.writeFileString(at("none/a"), ""),
          `cannot write ${at("none/a")}: the folder above it does not exist`
        ],
        [(fs) => fs.readFile(at("none")), `cannot read ${at("none")}: it does not exist`],
        [(fs) => fs.readFile(at("dir")), `cannot read ${at("dir")}: it is a folder, not a file`],
        [(fs) => fs.stat(at("loop")), `cannot read ${at("loop")}: it is a symbolic link that leads back to itself`],
        [
          (fs) => fs.rename(at("none"), at("dir/a")),
          `cannot rename ${at("none")}: it, or the folder of its new name, does not exist`
        ],
        [
          (fs) => fs.makeTempDirectory({ directory: at("file") }),
          `cannot create the folder ${at("file/")}: a part of this path is a file, not a folder`
        ],
        [(fs) => fs.writeFileString("/dev/full", "x"), "cannot write /dev/full: the disk is full"],
        [
          (fs) =>
            Effect.scoped(
              Effect.flatMap(fs.open("/dev/full", { flag: "w" }), (file) => file.writeAll(Uint8Array.of(1)))
            ),
          "cannot write a file: the disk is full"
        ],
        [
          (fs) => fs.makeDirectory(at("n".repeat(300))),
          `cannot create the folder ${at("n".repeat(300))}: the name is too long`
        ]
      ]
      for (const [operation, expected] of cases) {
        const { error, remedy, text } = yield* textsOf(operation)
        expect(text).toBe(expected)
        expect(messageOf(error)).toBe(expected.replace("cannot", "Cannot"))
        expect(remedy).toEndWith(".")
      }
    })
  )

  it.live("says only why if the sentence around it names the file", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const { error } = yield* textsOf((fs) => fs.readFile(join(root, "dir")))
      expect(systemErrorText(error, join(root, "dir"))).toBe("it is a folder, not a file")
      expect(systemErrorText(error, root)).toBe(`cannot read ${join(root, "dir")}: it is a folder, not a file`)
    })
  )

  test("has a sentence and a remedy for each code", () => {
    const of = (code: string) =>
      PlatformError.systemError({
        _tag: "Unknown",
        module: "FileSystem",
        method: "makeDirectory",
        pathOrDescriptor: "/my folder/x",
        cause: Object.assign(new Error(`${code}: some text, mkdir '/my folder/x'`), { code })
      })
    const codes =
      "EACCES EPERM EROFS ENOSPC EDQUOT ENOTDIR ENOENT EEXIST ENOTEMPTY EISDIR ELOOP EMFILE ENFILE ENAMETOOLONG EBUSY ETXTBSY EXDEV EFBIG EIO ESTALE"
    for (const code of codes.split(" ")) {
      expect(systemErrorReason(of(code))).not.toContain("some text")
      expect(systemErrorReason(of(code))).not.toContain(code)
      expect(systemErrorRemedy(of(code))).not.toBe(systemErrorRemedy(of("EOTHER")))
    }
    expect(systemErrorText(of("EROFS"))).toBe("cannot create the folder /my folder/x: the file system is read-only")
    expect(systemErrorRemedy(of("ENOSPC"))).toContain("the disk of '/my folder/x'")
    expect(systemErrorText(of("EOTHER"))).toBe("cannot create the folder /my folder/x: some text (EOTHER)")
  })

  test("has a sentence without a code, and for what is no error of the system", () => {
    const denied = PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "open" })
    expect(systemErrorText(denied)).toBe("cannot open a file: permission denied")
    expect(systemErrorText(denied, "/x")).toBe("cannot open /x: permission denied")
    expect(systemErrorRemedy(denied, "/x")).toContain("/x")
    const described = PlatformError.systemError({
      _tag: "Unknown",
      module: "FileSystem",
      method: "write",
      description: "the cable is unplugged"
    })
    expect(systemErrorReason(described)).toBe("the cable is unplugged")
    expect(systemErrorReason(new Error("Too bad."))).toBe("Too bad")
    expect(systemErrorReason("text")).toBe("text")
  })
})
