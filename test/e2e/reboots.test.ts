import { bootDocker } from "./bootDocker.ts"
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
  boot: bootDocker
})
