import { bootPodman } from "./bootPodman.ts"
import { testReboots } from "./rebootTests.ts"

// This podman cannot change the restart policy of a container.
testReboots({
  engine: "podman",
  policy: "always",
  calls: {
    trial: ["create", "start", "rm", "create", "stop", "start", "stop", "rm", "rename"],
    data: ["create", "stop", "start", "stop", "rm", "rename"]
  },
  boot: bootPodman
})
