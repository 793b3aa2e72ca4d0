import { Effect, type Scope } from "effect"
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { once } from "node:events"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { untilEffect } from "../../support/waiting.ts"

/** A container that is there before a script runs. */
export interface Given {
  readonly running?: boolean
  /** The restart policy. Default: `unless-stopped`. */
  readonly policy?: string
  /** `healthy`, `unhealthy`, `starting`; none where the image has no health check. */
  readonly health?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** How a script ended. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  /** Without the lines that say the script's stage. */
  readonly stderr: string
}

/** A script that runs. */
export interface Running {
  readonly ended: Effect.Effect<Ended>
  /** The stages that the script went through, after its end. */
  readonly stages: Effect.Effect<ReadonlyArray<string>>
  /** Tells the script to end, and it alone. */
  readonly kill: (signal?: NodeJS.Signals) => Effect.Effect<void>
  /** Tells the script to end, and all that it has started in its group. */
  readonly killGroup: (signal?: NodeJS.Signals) => Effect.Effect<void>
  /** Resolves when the script itself has ended; what it started may still hold its output open. */
  readonly exited: Promise<unknown>
  /** Closes what the script writes to, as a connection does that is lost. */
  readonly deafen: Effect.Effect<void>
  readonly pid: number
}

/**
 * A container engine that runs nothing, in a folder that is all there is in PATH but the system's own. Naps take no time
 * there. Two engines with the same `machine` share its locks.
 */
export const make = (engine: "docker" | "podman" = "docker", machine?: { readonly dir: string }) =>
  Effect.gen(function* () {
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "jiji-engine-"))),
      (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
    )
    const state = (name: string) => join(dir, "state", name)
    for (const name of ["containers", "block", "fail"]) mkdirSync(state(name), { recursive: true })
    copyFileSync(join(import.meta.dir, "fake-engine.sh"), join(dir, engine))
    writeFileSync(join(dir, "sleep"), `#!/bin/sh\necho "$1" >>"${state("naps")}"\nexec /bin/sleep 0.01\n`, {
      mode: 0o755
    })
    const set = (name: string, text: string) => writeFileSync(state(name), text)
    const get = (name: string) => (existsSync(state(name)) ? readFileSync(state(name), "utf8") : "")
    set("image", "sha256:new\n")
    set("states", "running 0 \n")
    set("version", "20.10.24\n")
    set("update-help", "--memory string\n")
    mkdirSync(join(dir, "run"))
    set("images", "")
    set("count", "0\n")
    set("log", "")

    return {
      dir,
      engine,
      set,
      get,
      /** Makes a folder beside the engine. */
      folder: (name: string) => {
        mkdirSync(join(dir, name))
        return name
      },
      /** Puts a program beside the engine. */
      program: (name: string, text: string) => writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 }),
      /** Whether the engine is at work. */
      isRunning: () =>
        readdirSync("/proc").some((pid) => {
          try {
            return /^\d/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(dir, `${engine}\0`))
          } catch {
            // It has ended in the meantime.
            return false
          }
        }),
      /** Makes a link beside the engine. */
      link: (target: string, name: string) => symlinkSync(target, join(dir, name)),
      /** What was asked of the engine that changes something, in order. */
      calls: () =>
        get("log")
          .split("\u001e")
          .map((words) => words.split("\u001f").join(" ").trimEnd())
          .filter(
            (line) =>
              line !== "" &&
              !/^(inspect|image inspect|ps|logs|version|context|update --help|network inspect|info)\b/.test(line)
          ),
      /** The containers: `name id status`. */
      containers: () =>
        readdirSync(state("containers"))
          .sort()
          .map((name) => {
            const [status = ""] = get(`containers/${name}/states`).split(" ")
            return `${name} ${get(`containers/${name}/id`).trim()} ${status}`
          }),
      add: (
        name: string,
        id: string,
        { health = "", labels = {}, policy = "unless-stopped", running = true }: Given = {}
      ) => {
        mkdirSync(state(`containers/${name}`))
        if (engine === "podman") mkdirSync(join(dir, `storage/overlay-containers/${id}/userdata`), { recursive: true })
        const lines = Object.entries(labels).map(([key, value]) => `jiji.${key}=${value}\n`)
        set(`containers/${name}/labels`, lines.join(""))
        set(`containers/${name}/id`, `${id}\n`)
        set(`containers/${name}/policy`, `${policy}\n`)
        set(`containers/${name}/image`, "sha256:old\n")
        set(`containers/${name}/states`, `${running ? "running" : "exited"} 0 ${health}\n`)
      },
      /** Gives a container another name. */
      rename: (from: string, to: string) => renameSync(state(`containers/${from}`), state(`containers/${to}`)),
      /** Makes an operation of the engine fail with what it says. */
      fail: (operation: string, words: string) => set(`fail/${operation}`, `${words}\n`),
      /** Makes the next call of an operation wait for `release`. */
      block: (operation: string) => set(`block/${operation}`, ""),
      blocked: untilEffect(() => existsSync(state("blocked"))),
      release: Effect.sync(() => rmSync(state("blocked"))),
      /** Runs a script's text with its arguments. */
      start: (
        shell: string,
        text: string,
        args: ReadonlyArray<string>,
        env: Readonly<Record<string, string>> = {}
      ): Effect.Effect<Running, never, Scope.Scope> =>
        Effect.map(
          Effect.acquireRelease(
            Effect.sync(() => {
              const [program = "sh", ...first] = shell.split(" ")
              // busybox has programs of its own, which go before any in PATH.
              const own = ["sleep", "date", "ip"]
                .filter((name) => existsSync(join(dir, name)))
                .map((name) => `${name}() { "${dir}/${name}" "$@"; }\n`)
                .join("")
              const locks = machine?.dir ?? dir
              const clock = existsSync(state("uptime")) ? state("uptime") : "/proc/uptime"
              const here = text.replaceAll("/tmp/jiji-$name", `${locks}/jiji-$name`).replaceAll("/proc/uptime", clock)
              const child = spawn(Bun.which(program) ?? program, [...first, "-c", `${own}${here}`, "jiji", ...args], {
                env: { PATH: `${dir}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: dir, ...env },
                stdio: ["ignore", "pipe", "pipe"],
                detached: true
              })
              return { child, ended: collect(child) }
            }),
            ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
          ),
          ({ child, ended }) => ({
            ended: Effect.promise(async () => {
              const { stages: _, ...rest } = await ended
              return rest
            }),
            stages: Effect.promise(async () => (await ended).stages),
            kill: (signal) => Effect.sync(() => void child.kill(signal ?? "SIGTERM")),
            killGroup: (signal) => Effect.sync(() => void process.kill(-(child.pid ?? 0), signal ?? "SIGTERM")),
            exited: once(child, "exit"),
            deafen: Effect.sync(() => {
              child.stdout.destroy()
              child.stderr.destroy()
            }),
            pid: child.pid ?? 0
          })
        )
    }
  })

export type FakeEngine = Effect.Success<ReturnType<typeof make>>

const signals: Readonly<Record<string, number>> = constants.signals

const stageLine = /^jiji stage (.*)\n/gm

const collect = (
  child: ChildProcessByStdio<null, Readable, Readable>
): Promise<Ended & { readonly stages: ReadonlyArray<string> }> =>
  new Promise((resolve) => {
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()))
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()))
    child.on("close", (code, signal) =>
      resolve({
        code: code ?? 128 + (signals[signal ?? ""] ?? 0),
        stdout,
        stderr: stderr.replace(stageLine, ""),
        stages: [...stderr.matchAll(stageLine)].map(([, name = ""]) => name)
      })
    )
  })
