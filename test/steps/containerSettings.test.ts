import { describe, expect, test } from "bun:test"
import { Redacted } from "effect"
import type { ContainerSettings } from "../../src/config/containerSettings.ts"
import type { MountedFile } from "../../src/config/mountedFiles.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { configurationOf, differences } from "../../src/steps/configuration.ts"
import { plan } from "../../src/steps/Plan.ts"
import { image, project, service } from "./rehearsal.ts"

const none = new Map<string, Redacted.Redacted<string>>()
const of = (settings?: ContainerSettings) => service("web", ["web1"], settings === undefined ? {} : { settings })
const configuration = (settings?: ContainerSettings) => configurationOf(of(settings), none)

const changes: ReadonlyArray<ContainerSettings> = [
  { memory: "512m" },
  { cpus: "1" },
  { restart: "always" },
  { labels: { tier: "web" } },
  { user: "app" },
  { entrypoint: ["start"] },
  { working_dir: "/app" },
  { init: true },
  { read_only: true },
  { tmpfs: ["/tmp"] },
  { shm_size: "1g" },
  { ulimits: { nofile: { soft: 1, hard: 2 } } },
  { cap_add: ["CHOWN"] },
  { cap_drop: ["ALL"] },
  { devices: ["/dev/fuse"] },
  { gpus: "all" },
  { extra_hosts: ["db:10.0.0.5"] },
  { logging: { driver: "none" } },
  { stop_timeout: 60 },
  { stop_signal: "QUIT" },
  { engine_options: ["--privileged"] }
]

describe("the configuration of a container", () => {
  for (const settings of changes) {
    const name = Object.keys(settings).join()
    test(`differs with ${name}, and names it`, () => {
      const [before, after] = [configuration(), configuration(settings)]
      expect(after.hash).not.toBe(before.hash)
      expect(differences(before.parts, after.parts)).toEqual([name])
      expect(differences(after.parts, before.parts)).toEqual([name])
    })
  }

  test("names every setting that differs", () => {
    const all: ContainerSettings = Object.assign({}, ...changes)
    const { memory: _, ...less } = all
    expect(differences(configuration(all).parts, configuration({ ...less, user: "root" }).parts)).toEqual([
      "memory",
      "user"
    ])
  })

  test("without settings is that of older versions of jiji", () => {
    const { hash, parts } = configuration()
    // Computed with the version before there were settings. Another hash would replace every container once.
    expect(hash).toBe("6bb266737095229ce9522b49f79a3170")
    expect(Object.keys(JSON.parse(parts))).toEqual(["network", "ports", "volumes", "command", "environment", "secrets"])
  })

  test("does not depend on the order of maps", () => {
    const [one, other] = [
      configuration({ labels: { a: "1", b: "2" }, logging: { options: { x: "1", y: "2" }, driver: "local" } }),
      configuration({ logging: { driver: "local", options: { y: "2", x: "1" } }, labels: { b: "2", a: "1" } })
    ]
    expect(one).toEqual(other)
  })
})

describe("the files of a container", () => {
  const secret = { source: { _tag: "Secret", name: "KEY" }, target: "/run/key", mode: "0444" } as const
  const file = (content: string, more: Partial<MountedFile> = {}): MountedFile => ({
    source: { _tag: "Project", path: "a.conf", content: Redacted.make(Buffer.from(content)) },
    target: "/etc/a.conf",
    mode: "0444",
    ...more
  })
  const configuration = (files: ReadonlyArray<MountedFile>, key = "one") =>
    configurationOf(service("web", ["web1"], { files }), new Map([["KEY", Redacted.make(key)]]))
  const before = configuration([file("x"), secret])

  for (const [what, after, because] of [
    ["another content", configuration([file("y"), secret]), "files: /etc/a.conf"],
    ["another value of the secret", configuration([file("x"), secret], "two"), "files: /run/key"],
    ["other permissions", configuration([file("x", { mode: "0400" }), secret]), "files: /etc/a.conf"],
    ["another target", configuration([file("x", { target: "/b" }), secret]), "files: /b, /etc/a.conf"],
    ["no files", configuration([]), "files: /etc/a.conf, /run/key"]
  ] as const)
    test(`differ with ${what}`, () => {
      expect(after.hash).not.toBe(before.hash)
      expect(differences(before.parts, after.parts)).toEqual([because])
    })

  test("are the same in another order, and from another path in the project", () => {
    const moved = file("x", { source: { _tag: "Project", path: "b.conf", content: Redacted.make(Buffer.from("x")) } })
    expect(configuration([secret, moved])).toEqual(before)
  })

  test("do not print a name that another user of the server wrote into a label", () => {
    const parts = JSON.parse(before.parts)
    const forged = JSON.stringify({ ...parts, files: { ...parts.files, "/x\u001b[2J": "1", "not a path": "2" } })
    expect(differences(forged, configuration([file("y"), secret]).parts)).toEqual(["files: /etc/a.conf"])
  })
})

describe("a plan", () => {
  const digest = `sha256:${"b".repeat(64)}`
  const web = (settings: ContainerSettings) => ({ ...of(settings), source: image(`nginx@${digest}`) })
  const container = (settings: ContainerSettings, more: Partial<InspectedContainer>): InspectedContainer => {
    const { hash: config, parts } = configurationOf(web(settings), none)
    const state = { running: true, healthy: true, version: "v1", digest, service: "web" }
    return { id: "c1", name: "shop-web", imageId: "i", config, parts, ...state, ...more }
  }
  const because = (settings: ContainerSettings, found: InspectedContainer, name: "docker" | "podman" = "docker") => {
    const planned = plan(project(), web(settings), { name, containers: [found] }, undefined, none)
    return planned._tag === "Replace" ? planned.because : [planned._tag]
  }

  test("keeps a container that has the policy of deploy.yml", () => {
    const settings = { restart: "on-failure:5" }
    const found = container(settings, { restart: "on-failure:5", restartPolicy: "on-failure:5" })
    expect(because(settings, found)).toEqual(["Keep"])
    expect(because(settings, found, "podman")).toEqual(["Keep"])
  })

  test("restores the policy of deploy.yml", () => {
    const settings = { restart: "no" }
    const found = container(settings, { restart: "no", restartPolicy: "always" })
    expect(because(settings, found)).toEqual(["restart policy always → no"])
  })

  test("gives another policy in deploy.yml as the only reason", () => {
    const found = container({}, { restartPolicy: "unless-stopped" })
    expect(because({ restart: "no" }, found)).toEqual(["restart"])
  })

  test("stops the old container first if engine options mount what both could write", () => {
    const strategy = (settings: ContainerSettings) => {
      const planned = plan(project(), web(settings), { containers: [] }, undefined, none)
      return planned._tag === "Start" ? planned.strategy : planned._tag
    }
    expect(strategy({ engine_options: ["--privileged"] })).toBe("beside")
    expect(strategy({ engine_options: ["--mount=type=bind,source=/srv,target=/srv"] })).toBe("stop")
    expect(strategy({ engine_options: ["--volumes-from=other"] })).toBe("stop")
  })
})
