import { PlatformError } from "effect"
import * as Cli from "../../src/cli/commands/registry/authenticate.ts"
import * as Flags from "../../src/cli/flags.ts"
import * as PipelineFile from "../../src/cli/pipelines/PipelineFileError.ts"
import * as Run from "../../src/cli/commands/run.ts"
import * as Hooks from "../../src/cli/hooks/HookFailed.ts"
import * as Remove from "../../src/cli/commands/registry/remove.ts"
import * as ServeCommand from "../../src/cli/commands/registry/serve.ts"
import * as StatusCommand from "../../src/cli/commands/registry/status.ts"
import * as SecretsCommand from "../../src/cli/commands/secrets.ts"
import * as Stray from "../../src/cli/process/UnhandledError.ts"
import * as Find from "../../src/config/find.ts"
import * as ImageName from "../../src/config/ImageReference.ts"
import * as Problem from "../../src/config/Problem.ts"
import * as Select from "../../src/config/select.ts"
import * as Authored from "../../src/core/authorFunction.ts"
import * as Command from "../../src/layers/processes/Command.ts"
import * as Docker from "../../src/layers/docker/DockerError.ts"
import * as RegistryContainer from "../../src/layers/registryContainer/RegistryContainerError.ts"
import * as Remote from "../../src/layers/docker/RemoteRegistryError.ts"
import * as Registry from "../../src/layers/registry/RegistryError.ts"
import * as Secrets from "../../src/layers/secrets/SecretsError.ts"
import * as Ssh from "../../src/layers/ssh/SshError.ts"
import type { Failure } from "../../src/core/Failure.ts"
import * as Pipeline from "../../src/pipeline/PipelineError.ts"
import * as Record from "../../src/record/RecordError.ts"
import * as Build from "../../src/steps/Build.ts"
import * as Credentials from "../../src/steps/Credentials.ts"
import * as Doctor from "../../src/steps/doctor/Report.ts"
import * as Sandbox from "../../src/sandbox/Sandbox.ts"

const refused = (pathOrDescriptor: string) =>
  PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "open", pathOrDescriptor })

const host = { server: "web1", host: "203.0.113.10", port: 22 }
const engine = { machine: "web1", engine: "docker" }
const container = { engine: "docker", name: "jiji-registry" }
const fingerprint = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
const pulled = (reference: string, detail: string) => ({ ...engine, reference, detail })
const ghcr = "ghcr.io/octocat/shop/web:v1"
const own = "registry.example.com/shop-web:v1"

const record = "/home/me/.local/state/jiji/runs.sqlite"

/** One of every error, by the part of jiji that it comes from. */
export const samples: Readonly<Record<string, ReadonlyArray<Failure>>> = {
  "Usage and configuration": [
    new Problem.ConfigInvalid({
      problems: [
        {
          file: ".jiji/deploy.yml",
          line: 3,
          path: "servers.web1.hots",
          message: "is not a known key; did you mean `host`?"
        }
      ]
    }),
    new Find.ConfigNotFound({ path: "/home/me/shop", named: false }),
    new Find.ConfigUnreadable({ file: ".jiji/deploy.yml", reason: refused(".jiji/deploy.yml") }),
    new Find.EnvironmentNotFound({ environment: "stagign", file: ".jiji/deploy.stagign.yml", known: ["staging"] }),
    new ImageName.UsernameRequired({ registry: "GHCR" }),
    new ImageName.ImageNameInvalid({ part: "repository", value: "docker.io/me@example.com/shop-web" }),
    new Build.ArchitecturesDiffer({ service: "web", servers: ["web1 (amd64)", "web2 (arm64)"] }),
    new Select.NoMatch({ kind: "server", globs: ["db*"], names: ["web1", "web2"] }),
    new Select.NothingSelected({ servers: ["web2"], services: ["cache"] }),
    new Cli.NoMachine(),
    new Remove.NotConfirmed(),
    new ServeCommand.NothingToServe({ project: "shop", server: "ghcr.io" }),
    new StatusCommand.RegistrySilent({ url: "https://registry.example.com/v2/" }),
    new SecretsCommand.NoTerminal(),
    new Doctor.ChecksFailed({ failed: 2, all: 14 }),
    new Flags.RehearsalAsJson(),
    new Stray.ExitCalled({ status: 0, refused: true, at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }),
    new Stray.NobodyCaught({
      thing: "rejection",
      text: "fetch failed",
      at: "/home/me/shop/.jiji/pipelines/canary.ts:12"
    }),
    new Stray.NothingLeft(),
    new Hooks.HookFailed({ hook: "slack", event: "run.started", reason: { _tag: "TimedOut", seconds: 30 } }),
    new Sandbox.SandboxRunning({ file: ".jiji/deploy.sandbox.yml", port: 40711 }),
    new Sandbox.SandboxFileTaken({ file: ".jiji/deploy.sandbox.yml" }),
    new Sandbox.SandboxNotWritten({ reason: refused(".jiji/deploy.sandbox.yml") })
  ],
  "The record of runs": [
    new Record.NoRunKept({ file: record }),
    new Record.RunNotFound({ id: "mf3k2b", nearest: "mf3k2a9c-7q1x" }),
    new Record.RunAmbiguous({ id: "mf3k", some: ["mf3k2a9c-7q1x", "mf3k19d0-02ab"], count: 2 }),
    new Record.OneForm(),
    new Record.PageTaken({ file: "notes.html" }),
    new Record.PageNotWritten({ file: "/srv/run.html", reason: refused("/srv/run.html") }),
    new Record.RecordUnusable({ file: record, why: "damaged", detail: "file is not a database" })
  ],
  Secrets: [
    new Secrets.SecretsMissing({
      secrets: [
        { name: "GITHUB_TOKEN", emptyIn: [".env"] },
        { name: "DATABASE_URL", emptyIn: [] }
      ],
      searched: [
        { place: ".env.staging", there: false },
        { place: ".env", there: true },
        { place: "the process environment", there: true }
      ]
    }),
    new Secrets.SecretsUnreadable({ file: ".env", reason: [{ line: 4, message: "is not of the form NAME=value" }] }),
    new Secrets.SecretCommandFailed({
      name: "GITHUB_TOKEN",
      place: ".env",
      reason: { _tag: "Ended", code: 1, stderr: "[ERROR] you are not currently signed in" }
    }),
    new Secrets.SecretTooLong({ name: "CERTIFICATES", bytes: 163_840 }),
    new Credentials.CredentialsMissing({ server: "ghcr.io" })
  ],
  "Servers and SSH": [
    new Ssh.HostUnreachable({ ...host, reason: "timeout" }),
    new Ssh.HostKeyUnknown({ ...host, offered: fingerprint, file: "~/.ssh/known_hosts" }),
    new Ssh.HostKeyChanged({
      ...host,
      offered: fingerprint,
      known: "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDPSBfN91dbSUo5Mzs",
      file: "~/.ssh/known_hosts",
      line: 12
    }),
    new Ssh.HostKeyRevoked({ ...host, offered: fingerprint, file: "~/.ssh/known_hosts", line: 12 }),
    new Ssh.AuthenticationFailed({
      ...host,
      user: "deploy",
      tried: ["~/.ssh/id_ed25519"],
      skipped: [],
      methods: ["publickey"]
    }),
    new Ssh.KeyUnusable({ file: "~/.ssh/id_ed25519", reason: "passphrase-needed" }),
    new Ssh.SshFileUnusable({ file: "~/.ssh/known_hosts", operation: "write", cause: refused("~/.ssh/known_hosts") }),
    new Ssh.KnownHostsMisnamed({ file: "~/.ssh/known_hosts", path: "~/.ssh/authorized_keys" }),
    new Ssh.ProxyInvalid({ server: "web1", proxy: "web1", problem: "loop" }),
    new Ssh.ConnectionLost({ server: "web1" }),
    new Ssh.ForwardRefused({ server: "web1", port: 9270 }),
    new Ssh.RemoteExecFailed({ server: "web1" })
  ],
  "Engines and containers": [
    new Command.ProgramMissing({ program: "docker", reason: "ENOENT" }),
    new Command.CommandFailed({ machine: "local", program: "docker", code: 1, stderr: "Error: no such image" }),
    new Command.OutputTooLong({ machine: "web1", program: "pull", bytes: 64 * 1024 * 1024 }),
    new Docker.EngineMissing(engine),
    new Docker.EngineDown({ ...engine, detail: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." }),
    new Docker.EngineForbidden({ ...engine, detail: "permission denied while trying to connect to the docker API" }),
    new Docker.DiskFull({ ...engine, detail: "write /var/lib/docker/tmp: no space left on device" }),
    new Docker.BuildFailed({ service: "web", code: 1, log: "Step 4/9 : RUN npm ci\nnpm error code E404" }),
    new Docker.ArchitectureMismatch({ server: "web1", service: "web", image: "arm64", needed: "amd64" }),
    new Docker.ContainerUnhealthy({
      server: "web1",
      service: "web",
      reason: "stopped with exit code 1",
      log: "DATABASE_URL: connection refused"
    }),
    new Docker.ContainerForeign({ server: "web1", engine: "docker", name: "shop-web" }),
    new Docker.PortTaken({
      server: "web1",
      service: "web",
      detail: "Bind for 0.0.0.0:8080 failed: port is already allocated"
    }),
    new Docker.EngineFailed({ ...engine, operation: "start web", code: 125, detail: "OCI runtime create failed" }),
    new Docker.EngineUnclear({ ...engine, operation: "list containers", reason: "not JSON" })
  ],
  "Remote registries": [
    new Remote.RegistryRefused(pulled(ghcr, "unauthorized: unauthenticated")),
    new Remote.RegistryForbidden(pulled(ghcr, "denied: permission_denied: write_package")),
    new Remote.ImageNotFound(pulled("nginx:1.99", "manifest for nginx:1.99 not found: manifest unknown")),
    new Remote.RegistryRateLimited(pulled("redis:7", "toomanyrequests: You have reached your pull rate limit.")),
    new Remote.RegistryUnreachable(pulled(own, "dial tcp 203.0.113.30:443: connect: connection refused")),
    new Remote.RegistryNotResolved(pulled(own, "dial tcp: lookup registry.example.com: no such host")),
    new Remote.RegistryTimedOut(pulled(own, "net/http: TLS handshake timeout")),
    new Remote.RegistryLost(pulled(own, "unexpected EOF")),
    new Remote.RegistryFailing(pulled(own, "received unexpected HTTP status: 502 Bad Gateway")),
    new Remote.RegistryFull(pulled(own, "received unexpected HTTP status: 507 Insufficient Storage")),
    new Remote.RegistryUntrusted(pulled(own, "x509: certificate signed by unknown authority")),
    new Remote.RegistryWithoutTls(pulled(own, "http: server gave HTTP response to HTTPS client"))
  ],
  "The local registry": [
    new Registry.RegistryNotServed({ port: 9270, cause: "EACCES" }),
    new Registry.StoreFailed({
      directory: "~/.local/share/jiji/registry",
      reason: refused("~/.local/share/jiji/registry")
    }),
    new Registry.StoreBusy({ directory: "~/.local/share/jiji/registry" }),
    new Registry.ArchiveInvalid({
      imageId: "sha256:4f2ebd2e",
      problem: { _tag: "FileMissing", path: "manifest.json" }
    }),
    new RegistryContainer.RegistryContainerForeign(container),
    new RegistryContainer.RegistryContainerElsewhere({ ...container, wanted: 9270, port: 9271 }),
    new RegistryContainer.RegistryPortTaken({
      port: 9270,
      detail: "Bind for 127.0.0.1:9270 failed: port is already allocated"
    }),
    new RegistryContainer.RegistryContainerSilent({ ...container, port: 9270, seconds: 30 })
  ],
  "Pipelines of your own": [
    new Pipeline.StepTimedOut({ path: "deploy/servers[web1]/smoke", millis: 90_000 }),
    new Pipeline.NoSuchNode({ path: "deploy/servers/pul", paths: ["deploy/servers", "deploy/servers/pull"] }),
    new Pipeline.DuplicatePath({ path: "deploy/servers/pull" }),
    new Authored.UnexpectedReturn({
      what: 'the step "pull"',
      got: "a Promise",
      wanted: "an Effect",
      at: "/home/me/shop/.jiji/pipelines/canary.ts:12"
    }),
    new Pipeline.SubscriberFailed({
      event: "StepFailed",
      reason: "Unable to connect",
      at: "/home/me/shop/.jiji/pipelines/canary.ts:12"
    }),
    new Run.NoPipelineNamed(),
    new PipelineFile.PipelineNotFound({ file: ".jiji/pipelines/canry.ts", wanted: "canry", known: ["canary"] }),
    new PipelineFile.PipelineUnreadable({ file: "pipelines", reason: "folder" }),
    new PipelineFile.PipelineNotCompiled({
      faults: [{ file: "pipelines/canary.ts", line: 12, text: "Expected ) but found }" }]
    }),
    new PipelineFile.PipelineThrew({
      fault: { file: "pipelines/canary.ts", line: 12, text: "The pipeline has two nodes with the path canary/smoke." },
      advice: "Give one of them another name."
    }),
    new PipelineFile.PipelineStuck({ file: "pipelines/canary.ts", seconds: 10 }),
    new PipelineFile.PipelineExited({ file: "pipelines/canary.ts", status: 0 }),
    new PipelineFile.NoPipeline({ file: "pipelines/canary.ts", found: "a step", others: ["canary"] }),
    new PipelineFile.PipelineOfAnotherCopy({ file: "pipelines/canary.ts", theirs: "0.1.0", ours: "0.2.0" }),
    new PipelineFile.FlagUnusable({ file: "pipelines/canary.ts", field: "apiToken", reason: "secret" })
  ]
}
