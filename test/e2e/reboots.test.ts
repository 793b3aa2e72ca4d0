import { until } from "../support/waiting.ts"
import { testReboots } from "./rebootTests.ts"

testReboots({
  engine: "docker",
  policy: "unless-stopped",
  calls: {
    trial: ["create", "start", "rm", "create", "update", "stop", "start", "update", "stop", "rm", "rename"],
    stop: ["create", "update", "stop", "start", "update", "stop", "rm", "rename"],
    data: ["create", "update", "stop", "start", "update", "stop", "rm", "rename"],
    beside: ["create", "start", "update", "stop", "rm", "rename"]
  },
  boot: async (h1, program, before) => {
    const engine = before.find((words) => words[0]?.endsWith("/dockerd") === true) ?? []
    // What does not outlive a boot: mounts of containers, and files in /run.
    await h1.run([
      "sh",
      "-c",
      "cut -d' ' -f2 /proc/mounts | grep -E '^/run/(docker|containerd)/|/docker/.*/(merged|shm)$' | xargs -r umount -l; " +
        "rm -rf /run/docker* /run/containerd"
    ])
    await h1.run([
      "sh",
      "-c",
      'mkdir -p /run/docker; TMPDIR=/run/docker setsid -f "$@" >/run/engine.log 2>&1',
      "sh",
      ...engine
    ])
    await until(
      () => h1.try([program, "ps"]),
      ({ code }) => code === 0
    )
  }
})
