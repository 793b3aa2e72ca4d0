import { expect, test } from "bun:test"
import { formatAge, psLines } from "../../src/reporters/psTable.ts"
import type { PsReport } from "../../src/steps/PsPipeline.ts"

const now = Date.parse("2026-11-29T14:00:00Z")
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()

const web = {
  name: "shop-web",
  id: "abc",
  service: "web",
  state: "running",
  health: "healthy",
  version: "v2",
  digest: `sha256:${"ab".repeat(32)}`,
  ports: ["8080:80"],
  restarts: 2,
  created: ago(7300),
  startedAt: ago(70),
  run: "mx1-abc",
  by: "ann@laptop"
}

const report = (overrides: Partial<PsReport["servers"][number]> = {}): PsReport => ({
  version: 1,
  project: "shop",
  servers: [
    {
      name: "web1",
      address: "203.0.113.10",
      engine: "podman 5.4.2",
      services: [
        { name: "web", replicas: 1, containers: [web], differs: ["environment: LOG"] },
        { name: "api", replicas: 0, containers: [], differs: ["not deployed"] }
      ],
      unknown: [{ ...web, name: "shop-old", service: "old", state: "stopped", exitCode: 137, removable: true }],
      ...overrides
    }
  ]
})

const lines = (columns: number, of = report(), colors = false) => psLines(of, now, { columns, colors })

test("a wide terminal shows everything", () => {
  expect(lines(200)).toEqual([
    "SERVER  SERVICE  VERSION  DIGEST        STATE             UP     RESTARTS  PORTS    DEPLOYED  BY          RUN",
    "web1    web      v2       abababababab  running, healthy  1 min  2         8080:80  2 h ago   ann@laptop  mx1-abc",
    "web1    api      -        -             not deployed      -      -         -        -         -           -",
    "web1    old      v2       abababababab  stopped (137)     -      2         8080:80  2 h ago   ann@laptop  mx1-abc",
    "",
    "web on web1 differs from deploy.yml: environment: LOG. To update it: jiji deploy",
    "shop-old is stopped on web1 but is not in deploy.yml for this server. To remove it: jiji remove old -H web1"
  ])
})

test("a copy of a service's container is somebody's own", () => {
  const copy = report({ unknown: [{ ...web, name: "web-copy", service: "web", state: "stopped", removable: false }] })
  expect(lines(200, copy).at(-1)).toEndWith("To remove it: podman rm --force web-copy")
})

test("a narrow terminal shows the columns that fit, and no line is wider", () => {
  expect(lines(80)[0]).toBe("SERVER  SERVICE  VERSION  STATE             UP     RESTARTS  PORTS")
  expect(lines(60)[0]).toBe("SERVER  SERVICE  VERSION  STATE             UP")
  expect(lines(40)[0]).toBe("SERVER  SERVICE  STATE")
  for (const columns of [20, 40, 60, 80, 120]) {
    for (const line of lines(columns)) {
      // A word is never broken.
      if (line.includes(" ")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns)
    }
  }
})

test("shows processor time and memory if they were measured", () => {
  const measured = { ...web, cpu: 12.34, memory: 52_000_000 }
  const of = report({ services: [{ name: "web", replicas: 1, containers: [measured], differs: [] }], unknown: [] })
  expect(lines(70, of)).toEqual([
    "SERVER  SERVICE  VERSION  STATE             UP     CPU     MEMORY",
    "web1    web      v2       running, healthy  1 min  12.3 %  52 MB"
  ])
})

test("names replicas, and the container that a deploy is about to switch to", () => {
  const containers = ["shop-web", "shop-web-2", "shop-web-next"].map((name) => ({ ...web, name }))
  const of = report({ services: [{ name: "web", replicas: 3, containers, differs: [] }], unknown: [] })
  expect(lines(40, of).map((line) => line.split(/ +/)[1])).toEqual(["SERVICE", "web", "web-2", "web-next"])
})

test("shows a server that cannot be asked", () => {
  const of = report({ services: [], unknown: [], error: { message: "no", remedy: "yes" } })
  expect(lines(200, of).at(-1)).toMatch(/^web1 +- +- +- +not reached/)
})

test("colors the state, and nothing else changes", () => {
  const colored = lines(200, report(), true)
  expect(colored[1]).toContain("\u001b[32mrunning, healthy\u001b[0m")
  expect(colored[2]).toContain("\u001b[31mnot deployed\u001b[0m")
  expect(colored.map((line) => Bun.stripANSI(line))).toEqual([...lines(200)])
})

test("what others have written into labels cannot control the terminal", () => {
  const evil = { ...web, name: "shop-web", by: "\u001b[2Jx\u202e", version: "v\u0007" }
  const of = report({ services: [{ name: "web", replicas: 1, containers: [evil], differs: [] }], unknown: [] })
  expect(lines(200, of)[1]).toMatch(/^web1 +web +v +\S+ .* x +mx1-abc$/)
})

test.each([
  [0, "0 s"],
  [-5, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [3599, "59 min"],
  [47 * 3600, "47 h"],
  [48 * 3600, "2 d"]
])("%d seconds are %s", (seconds, text) => expect(formatAge(seconds * 1000)).toBe(text))
