import { Effect, Schema } from "effect"
import type { Output } from "../../processes/Command.ts"
import { defineScript } from "../../processes/Script.ts"
import { parseEngineError } from "../DockerError.ts"
import { NamesUnresolved, NetworkForeign, NetworkTooSmall, SubnetsUsedUp } from "../NetworkError.ts"
import { isSubnet, layout } from "./addresses.ts"
import names from "../names.sh" with { type: "text" }
import text from "./network.sh" with { type: "text" }

/** The network of a project on a server. */
export interface ProjectNetwork {
  readonly name: string
  /** Such as `172.18.0.0/16`. Fixed addresses are in its lower half. */
  readonly subnet: string
}

/** The name of the network that a project has on each server. */
export const networkName = (project: string): string => `jiji-${project}`

/** A subnet of a rehearsal, and of the commands that a dry run prints. */
const example = "172.30.0.0/16"

const subnetOf = (stdout: string): Effect.Effect<string, string> => {
  const [, subnet = ""] = /^network (\S+)$/m.exec(stdout) ?? []
  return isSubnet(subnet) ? Effect.succeed(subnet) : Effect.fail(stdout)
}

/** Makes sure that a project's network exists, with the engine's client. Prints its subnet. */
export const network = defineScript({
  name: "network",
  text: `${names}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    /** The network's name. */
    name: Schema.NonEmptyString
  },
  answer: subnetOf,
  usual: () => `network ${example}`,
  byHand: ({ engine, name, project }) => {
    const { gateway, range } = layout(example)
    const addresses = ["--subnet", example, "--gateway", gateway, "--ip-range", range]
    return [[engine, "network", "create", "--label", `jiji.project=${project}`, ...addresses, name]]
  }
})

/** What docker and podman print if all subnets of their pools are used. */
const usedUp = /non-overlapping IPv4 address pool|predefined address pools|could not find free subnet/i

/** Reads how `network.sh` failed. */
export const networkError = (server: string, engine: string, name: string, output: Output) => {
  const [word, detail = ""] = (output.stdout.split("\n")[0] ?? "").split(" ")
  const about = { server, engine }
  if (word === "foreign") return new NetworkForeign({ ...about, name })
  if (word === "small") return new NetworkTooSmall({ ...about, subnet: detail })
  if (word === "nameless" && (detail === "netavark" || detail === "aardvark-dns"))
    return new NamesUnresolved({ ...about, lacks: detail })
  if (usedUp.test(output.stderr)) return new SubnetsUsedUp(about)
  return parseEngineError({ machine: server, engine, operation: `create the network ${name}` }, output)
}
