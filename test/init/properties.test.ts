import { expect, test } from "bun:test"
import { Cause, Effect, Exit } from "effect"
import fc from "fast-check"
import { initializeAndLoad } from "./project.ts"

const text = fc.constantFrom(
  "",
  "web",
  "App Server",
  "a",
  "80",
  "8080:80",
  "0",
  "-1",
  "true",
  "1.10",
  "512m",
  "30",
  "data:/data",
  "./x:/y:ro",
  "/srv:/srv",
  "shop.example.com",
  "Shop_Example!",
  "203.0.113.10",
  "deploy@203.0.113.11:2222",
  "fd00::2",
  "nginx:1.27",
  "Bad Image",
  "DATABASE_URL",
  "HOME",
  "JIJI_X",
  "A:B",
  "A=b",
  "${X:-3}",
  "${X}",
  "<%= ENV['X'] %>",
  "50%",
  "~",
  "no",
  "bin/serve --port 80 && true",
  "a\nb: [c]",
  "ü"
)

const keys = [
  ..."service image servers registry builder env ssh proxy accessories volumes labels logging aliases boot".split(" "),
  ..."hosts host cmd options clear secret tags server username password arch context args cache secrets".split(" "),
  ..."user port keys app_port ssl path_prefix healthcheck path interval buffering max_request_body role roles".split(
    " "
  ),
  ..."files directories driver limit retain_containers deploy_timeout drain_timeout web worker db name services".split(
    " "
  ),
  ..."build dockerfile target ports environment command entrypoint depends_on deploy replicas resources limits".split(
    " "
  ),
  ..."memory cpus restart working_dir init tmpfs shm_size cap_add extra_hosts stop_grace_period privileged".split(" "),
  ..."published host_ip protocol source type read_only ulimit shm-size publish console web-next unknown_key".split(" ")
]

const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "medium", maxDepth: 4 },
    text,
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...keys), tie("tree"), { maxKeys: 6 })
  )
}))

const map = fc.dictionary(fc.constantFrom(...keys), tree, { maxKeys: 8 })

const kamal = fc
  .record({
    base: map,
    servers: fc.oneof(tree, fc.constant(["203.0.113.10"])),
    env: tree,
    proxy: tree,
    accessories: fc.dictionary(fc.constantFrom("db", "redis", "web"), map, { maxKeys: 2 })
  })
  .map(({ base, ...others }) => ({ service: "shop", ...base, ...others }))

const container = fc
  .tuple(map, fc.constantFrom({ image: "nginx" }, { build: "." }))
  .map(([keys, source]) => ({ ...keys, ...source }))

const compose = fc
  .record({
    base: map,
    services: fc.dictionary(fc.constantFrom("web", "web-next", "App Server", "db"), container, { maxKeys: 3 })
  })
  .map(({ base, services }) => ({ ...base, services }))

const answers = fc.record({
  servers: fc.constantFrom(["203.0.113.10"], ["deploy@203.0.113.10:22", "fd00::2"]),
  domains: fc.constantFrom([], ["shop.example.com"]),
  registry: fc.constantFrom("local", "ghcr.io", "registry.example.com:5000")
})

/** Writes what `jiji init` would write, and loads it with jiji's own check. Throws the problems if there are any. */
const check = async (name: string, file: unknown, given: Parameters<typeof initializeAndLoad>[1]) => {
  const files = {
    [name]: JSON.stringify(file),
    Dockerfile: "FROM scratch\nEXPOSE 3000\n",
    ".env.example": "A=1\nHOME=2\nb=\n"
  }
  const exit = await Effect.runPromiseExit(Effect.scoped(initializeAndLoad(files, given)))
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  expect(exit.value.project.servers.length).toBeGreaterThan(0)
}

test("every deploy.yml that is made of Kamal's file loads without a problem", async () => {
  await fc.assert(
    fc.asyncProperty(kamal, answers, (file, given) => check("config/deploy.yml", file, given)),
    { numRuns: 60 }
  )
}, 120_000)

test("every deploy.yml that is made of a compose file loads without a problem", async () => {
  await fc.assert(
    fc.asyncProperty(compose, answers, (file, given) => check("compose.yml", file, given)),
    { numRuns: 60 }
  )
}, 120_000)
