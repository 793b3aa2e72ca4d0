import { Schema } from "effect"
import { joinWords } from "../../../core/text.ts"
import { defineError } from "../../../core/defineError.ts"
import { on } from "../../processes/machineText.ts"
import { localName } from "../../processes/Processes.ts"

const installBuildx = (machine: string | undefined): string =>
  `Install buildx${machine === undefined ? "" : ` ${on(machine)}`}: \`apt-get install docker-buildx\` on Debian 13 and on Ubuntu, or the package docker-buildx-plugin of docker's own repository. Check it with \`docker buildx version\`.`

/** The engine of the machine that builds cannot do what a service's `build` asks for. */
export class BuilderUnable extends defineError<BuilderUnable>()("BuilderUnable", {
  fields: {
    service: Schema.String,
    engine: Schema.String,
    version: Schema.String,
    /** The machine that builds. Absent for this machine. */
    machine: Schema.optionalKey(Schema.String),
    /** The keys of `build` that it cannot do. */
    keys: Schema.Array(Schema.String),
    /** What is missing: BuildKit, docker's plugin buildx, `names` instead of `type=…`, or a podman that accepts `several` names. */
    lacks: Schema.Literals(["buildkit", "buildx", "names", "several"])
  },
  message: ({ engine, keys, lacks, machine = localName, service, version }) => {
    const cannot = `${engine} ${version} cannot build the image of ${service} ${on(machine)}`
    const all = joinWords(keys.map((key) => `build.${key}`))
    const need = keys.length === 1 ? "needs" : "need"
    switch (lacks) {
      case "buildkit":
        return `${cannot}: ${all} ${need} BuildKit, which this docker has only with its plugin buildx.`
      case "buildx":
        return `${cannot}: ${all} ${need} docker's plugin buildx.`
      case "names":
        return `${cannot}: in ${all}, podman accepts only repositories such as ghcr.io/acme/shop-cache, not type=….`
      case "several":
        return `${cannot}: in ${all}, podman before 4.4 accepts only one repository.`
    }
  },
  remedy: ({ lacks, machine }) => {
    switch (lacks) {
      case "buildkit":
      case "buildx":
        return installBuildx(machine)
      case "names":
        return "Write the name of a repository without a tag, or build with `builder.engine: docker` and buildx."
      case "several":
        return "Keep one of the repositories, or install podman 4.4 or later."
    }
  },
  exitCode: "unavailable",
  sample: [
    { service: "web", engine: "docker", version: "28.2.2", keys: ["secrets", "ssh"], lacks: "buildkit" },
    { service: "web", engine: "docker", version: "20.10.24", keys: ["cache_to"], lacks: "buildx" },
    { service: "web", engine: "docker", version: "28.2.2", machine: "web1", keys: ["secrets"], lacks: "buildkit" },
    { service: "web", engine: "podman", version: "4.3.1", keys: ["cache_from"], lacks: "names" },
    { service: "web", engine: "podman", version: "4.3.1", keys: ["cache_from"], lacks: "several" }
  ]
}) {}

/** A build needs an SSH agent, and there is none. */
export class BuildAgentMissing extends defineError<BuildAgentMissing>()("BuildAgentMissing", {
  fields: { service: Schema.String, agent: Schema.Literals(["unset", "lost"]) },
  message: ({ agent, service }) =>
    `The build of ${service} needs an SSH agent (build.ssh), but ${
      agent === "unset" ? "SSH_AUTH_SOCK is not set" : "there is no socket where SSH_AUTH_SOCK leads"
    } on this machine.`,
  remedy: "Start an agent with `eval $(ssh-agent)`, add your key with `ssh-add`, and deploy from the same terminal.",
  exitCode: "permission",
  sample: { service: "web", agent: "unset" }
}) {}

/** The engine has built an image for another platform. */
export class PlatformNotBuilt extends defineError<PlatformNotBuilt>()("PlatformNotBuilt", {
  fields: { service: Schema.String, engine: Schema.String, platform: Schema.String, built: Schema.String },
  message: (e) => `${e.engine} built the image of ${e.service} for ${e.built}, not for ${e.platform}.`,
  remedy:
    "Check the FROM lines of the Dockerfile: the base image of the last stage must exist for the platform, and must not have another `--platform`.",
  exitCode: "failed",
  sample: { service: "web", engine: "docker", platform: "linux/arm64", built: "amd64" }
}) {}

/** The machine that builds cannot unpack the files of a build. */
export class BuilderLacksTar extends defineError<BuilderLacksTar>()("BuilderLacksTar", {
  fields: { machine: Schema.String },
  message: (e) => `tar is not installed ${on(e.machine)}, so the files of the build cannot be unpacked there.`,
  remedy: (e) => `Install tar ${on(e.machine)}, for example with \`apt-get install tar\`.`,
  exitCode: "unavailable",
  sample: { machine: "web1" }
}) {}
