import { bootPodman } from "./bootPodman.ts"
import { testReboots } from "./rebootTests.ts"

testReboots({
  engine: "podman5",
  policy: "always",
  calls: {
    trial: ["create", "start", "rm", "create", "stop", "start", "update", "update", "stop", "rm", "rename"],
    data: ["create", "stop", "start", "update", "update", "stop", "rm", "rename"]
  },
  // Podman changes the policy of one container at a time. In between, two containers that share data must not start.
  gaps: { data: 5 },
  boot: bootPodman
})
