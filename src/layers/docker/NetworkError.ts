import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const where = { server: Schema.String, engine: Schema.String }

/** Where an engine's subnets are configured. */
const pools = (engine: string): string =>
  engine === "podman"
    ? "`default_subnet_pools` under `[network]` in /etc/containers/containers.conf"
    : "`default-address-pools` in /etc/docker/daemon.json, then restart docker"

/** A network that does not belong to the project has the name that jiji needs. */
export class NetworkForeign extends defineError<NetworkForeign>()("NetworkForeign", {
  fields: { ...where, name: Schema.String },
  message: (e) => `The network ${e.name} on ${e.server} does not belong to this project.`,
  remedy: (e) =>
    `If nothing uses it, remove it (\`${e.engine} network rm ${e.name}\`), then deploy again. Otherwise give the project another name.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", name: "jiji-shop" }
}) {}

/** The engine has no free subnet for the network of the project. */
export class SubnetsUsedUp extends defineError<SubnetsUsedUp>()("SubnetsUsedUp", {
  fields: where,
  message: (e) => `${e.engine} on ${e.server} has no free subnet for the project's network.`,
  remedy: (e) =>
    `Remove unused networks on ${e.server} (\`${e.engine} network prune\`), or give ${e.engine} more subnets: ${pools(e.engine)}.`,
  exitCode: "failed",
  sample: [
    { server: "web1", engine: "docker" },
    { server: "web1", engine: "podman" }
  ]
}) {}

/** The subnets that the engine gives to networks are too small. */
export class NetworkTooSmall extends defineError<NetworkTooSmall>()("NetworkTooSmall", {
  fields: { ...where, subnet: Schema.String },
  message: (e) => `The subnet ${e.subnet} that ${e.engine} on ${e.server} gives to the project's network is too small.`,
  remedy: (e) => `Give ${e.engine} subnets of /28 or larger: ${pools(e.engine)}.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", subnet: "10.0.0.0/29" }
}) {}

/** All addresses that jiji may give to containers are used. */
export class AddressesUsedUp extends defineError<AddressesUsedUp>()("AddressesUsedUp", {
  fields: { ...where, name: Schema.String, subnet: Schema.String },
  message: (e) => `The network ${e.name} on ${e.server} has no free address: the lower half of ${e.subnet} is used up.`,
  remedy: (e) =>
    `Remove containers of the project that you no longer need, or give ${e.engine} larger subnets (${pools(e.engine)}) and remove the network.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", name: "jiji-shop", subnet: "10.0.0.0/28" }
}) {}

/** Another container has the address of a new container. */
export class AddressTaken extends defineError<AddressTaken>()("AddressTaken", {
  fields: { ...where, service: Schema.String, address: Schema.String, name: Schema.String },
  message: (e) =>
    `The new container of ${e.service} on ${e.server} cannot start: another container has its address ${e.address}.`,
  remedy: (e) =>
    `Deploy again: jiji chooses other addresses. \`${e.engine} network inspect ${e.name}\` shows the containers of the network.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", service: "web", address: "172.18.3.4", name: "jiji-shop" }
}) {}

/** Podman lacks what resolves the names of containers. */
export class NamesUnresolved extends defineError<NamesUnresolved>()("NamesUnresolved", {
  fields: { ...where, lacks: Schema.Literals(["netavark", "aardvark-dns"]) },
  message: (e) =>
    e.lacks === "netavark"
      ? `The containers on ${e.server} cannot find each other by name: ${e.engine} uses CNI there, not netavark.`
      : `The containers on ${e.server} cannot find each other by name: aardvark-dns is not installed there.`,
  remedy: (e) =>
    e.lacks === "netavark"
      ? `Install netavark and aardvark-dns on ${e.server} (for example with \`apt-get install netavark aardvark-dns\`), set \`network_backend = "netavark"\` under \`[network]\` in /etc/containers/containers.conf, and reboot it.`
      : `Install aardvark-dns on ${e.server}, for example with \`apt-get install aardvark-dns\`.`,
  exitCode: "unavailable",
  sample: [
    { server: "web1", engine: "podman", lacks: "netavark" },
    { server: "web1", engine: "podman", lacks: "aardvark-dns" }
  ]
}) {}

export type NetworkError = NetworkForeign | SubnetsUsedUp | NetworkTooSmall | NamesUnresolved
