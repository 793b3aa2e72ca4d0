import { beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { done, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", p1: "podman" })

/** An agent on the operator, with a key. */
let socket = ""
let fingerprint = ""
beforeAll(async () => {
  const plugin = join(import.meta.dir, "../../.tools/buildx/usr/libexec/docker/cli-plugins/docker-buildx")
  const folder = "/root/.docker/cli-plugins"
  await hosts.server("h1").run(["sh", "-c", `mkdir -p ${folder} && ln -s ${plugin} ${folder}/docker-buildx`])
  socket = join(hosts.folder, "agent.sock")
  const agent = hosts.operator.start(["ssh-agent", "-D", "-a", socket])
  await agent.waitFor("SSH_AUTH_SOCK")
  const env = { SSH_AUTH_SOCK: socket }
  await hosts.operator.run(["ssh-add", hosts.key], { env })
  fingerprint = (await hosts.operator.run(["ssh-add", "-l"], { env })).split(" ")[1] ?? ""
})

/** Copies a program and its libraries to where they are on this machine, below a folder. */
const copyProgram = (program: string, folder: string) =>
  hosts.operator.run([
    "sh",
    "-c",
    'for file in "$0" $(ldd "$0" | grep -o "/[^ ]*"); do mkdir -p "$1$(dirname "$file")" && cp -L "$file" "$1$file"; done',
    program,
    folder
  ])

/** A project whose build lists the keys of the agent on its page. */
const write = async (engine: "docker" | "podman", builder: string) => {
  const project = writeProject(hosts, {
    name: `by${builder}`,
    image: { page: "one" },
    config: {
      builder: { local: undefined, engine, remote: builder },
      services: {
        web: { build: { context: "./web", ssh: "default" }, hosts: [builder], health: { running_for: "0s" } }
      }
    }
  })
  await copyProgram("/usr/bin/ssh-add", join(project.root, "web/root"))
  const lines = [
    "FROM scratch",
    "COPY root /",
    "COPY busybox /bin/busybox",
    "COPY busybox /bin/sh",
    "RUN --mount=type=ssh /bin/busybox mkdir /www && echo root:x:0:0::/:/bin/sh >/etc/passwd && /usr/bin/ssh-add -l >/www/index.html",
    `CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"]`,
    ""
  ]
  writeFileSync(join(project.root, "web/Dockerfile"), lines.join("\n").replace("mkdir /www", "mkdir -p /www /etc"))
  return project
}

for (const [engine, name] of [
  ["docker", "h1"],
  ["podman", "p1"]
] as const) {
  test(`a build on a server with ${engine} uses the agent of this machine, and leaves no socket there`, async () => {
    const project = await write(engine, name)
    const none = await project.jiji(["deploy"])
    expect(none).toMatchObject({ code: 77, stderr: expect.stringContaining("SSH_AUTH_SOCK is not set") })
    done(await project.jiji(["deploy"], { env: { SSH_AUTH_SOCK: socket } }))
    expect(await page(hosts, hosts.server(name))).toContain(fingerprint)
    expect(await hosts.server(name).run(["sh", "-c", "ls /tmp | grep jiji-agent || :"])).toBe("")
  })
}

test("a builder that forwards no sockets is an error that names sshd's setting, in a deploy and in doctor", async () => {
  const project = await write("podman", "p1")
  await hosts.server("p1").restartSshd({ AllowStreamLocalForwarding: "no" })
  const env = { SSH_AUTH_SOCK: socket }
  const refused = await project.jiji(["deploy", "--version", "again"], { env })
  const message = "jiji cannot forward the SSH agent to p1 for the build (build.ssh): the server does not allow it."
  const remedy = "Set `AllowStreamLocalForwarding yes` in sshd_config on p1, or use build.secrets."
  expect(refused).toMatchObject({ code: 77, stderr: `error: ${message}\n  → ${remedy}\n` })
  const doctor = await project.jiji(["doctor"], { env })
  expect(doctor.stdout).toContain("jiji cannot forward the SSH agent to p1")
  await hosts.server("p1").restartSshd()
  expect((await project.jiji(["doctor"], { env })).stdout).not.toContain("SSH agent")
})
