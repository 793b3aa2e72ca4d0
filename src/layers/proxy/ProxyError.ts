import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const text = Schema.String

/** Another project on the server has the same host name with the same path. */
export class HostClaimed extends defineError<HostClaimed>()("HostClaimed", {
  fields: { server: text, host: text, path: text, project: text, service: text },
  message: (e) =>
    `${e.host}${e.path === "/" ? "" : e.path} on ${e.server} already belongs to ${e.service} of the project ${e.project}.`,
  remedy: (e) =>
    `Use another host or path, or remove it from the project ${e.project} and deploy that first. Nothing was changed.`,
  exitCode: "configuration",
  sample: { server: "web1", host: "shop.example.com", path: "/api", project: "blog", service: "web" }
}) {}

/** Another project on the server has the same host name, with another kind of `tls`. */
export class HostTlsDiffers extends defineError<HostTlsDiffers>()("HostTlsDiffers", {
  fields: { server: text, host: text, tls: text, project: text, theirs: text },
  message: (e) =>
    `${e.host} on ${e.server} has tls: ${e.tls} here, and tls: ${e.theirs} in the project ${e.project}. A host has one or the other.`,
  remedy: "Use the same `tls` in both projects. Nothing was changed.",
  exitCode: "configuration",
  sample: { server: "web1", host: "shop.example.com", tls: "auto", project: "blog", theirs: "off" }
}) {}

/** Projects on one server want different ports or images for its proxy. */
export class ProxyDiffers extends defineError<ProxyDiffers>()("ProxyDiffers", {
  fields: { server: text, what: Schema.Literals(["ports", "image"]), ours: text, project: text, theirs: text },
  message: (e) =>
    `This project wants the ${e.what} ${e.ours} for the proxy of ${e.server}, but the project ${e.project} uses ${e.theirs}.`,
  remedy: (e) =>
    e.what === "image"
      ? "Set the same `proxy.image` in both projects, or remove it from one: that project then uses the server's image. Nothing was changed."
      : "Set the same `proxy.http` and `proxy.https` in both projects. Nothing was changed.",
  exitCode: "configuration",
  sample: [
    { server: "web1", what: "ports", ours: "80 and 443", project: "blog", theirs: "8080 and 8443" },
    { server: "web1", what: "image", ours: "caddy:2.11.4", project: "blog", theirs: "registry.example.com/caddy:2" }
  ]
}) {}

/** A container has the name of the proxy, but jiji did not create it. */
export class ProxyForeign extends defineError<ProxyForeign>()("ProxyForeign", {
  fields: { server: text, engine: text },
  message: (e) => `The container jiji-proxy on ${e.server} was not created by jiji.`,
  remedy: (e) => `Rename it: ${e.engine} rename jiji-proxy OTHER-NAME`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker" }
}) {}

/** A rootless engine cannot give the proxy the host's network and low ports. */
export class ProxyRootless extends defineError<ProxyRootless>()("ProxyRootless", {
  fields: { server: text, engine: text },
  message: (e) =>
    `${e.engine} on ${e.server} is rootless, so it cannot run the proxy, which needs the server's network.`,
  remedy: (e) => `Deploy as a user of a rootful ${e.engine}, or remove \`proxy\` and publish ports instead.`,
  exitCode: "unavailable",
  sample: { server: "web1", engine: "podman" }
}) {}

/** Another program listens on a port that the proxy needs. */
export class ProxyPortTaken extends defineError<ProxyPortTaken>()("ProxyPortTaken", {
  fields: { server: text, port: Schema.Int, by: text },
  message: (e) => `The proxy needs port ${e.port} of ${e.server}, but ${e.by} already listens there.`,
  remedy: (e) =>
    `Stop it, or set another port with \`proxy.http\` and \`proxy.https\`. To see more: ss -ltnp 'sport = :${e.port}'`,
  exitCode: "failed",
  sample: [
    { server: "web1", port: 80, by: "nginx (process 812)" },
    { server: "web1", port: 443, by: "the container old-site" }
  ]
}) {}

/** The image of the proxy cannot run it. */
export class ProxyImageUnfit extends defineError<ProxyImageUnfit>()("ProxyImageUnfit", {
  fields: { server: text, image: text, reason: text },
  message: (e) => `${e.image} cannot be the proxy of ${e.server}: ${e.reason}.`,
  remedy:
    "Set `proxy.image` to an image with Caddy 2.8 or later, sh, mv and nc, such as Docker Hub's caddy. The proxy that runs was not changed.",
  exitCode: "configuration",
  sample: { server: "web1", image: "nginx:1.27", reason: "it has no caddy" }
}) {}

/** The new container of the proxy does not run. */
export class ProxyNotStarted extends defineError<ProxyNotStarted>()("ProxyNotStarted", {
  fields: { server: text, keepsOld: Schema.Boolean, log: text },
  message: (e) =>
    `The proxy of ${e.server} does not start${e.keepsOld ? "; the old one keeps running" : ""}:\n${e.log}`,
  remedy: "Fix the error shown above.",
  exitCode: "failed",
  sample: { server: "web1", keepsOld: true, log: "Error: loading initial config: listening on :443: permission denied" }
}) {}

/** Caddy rejects the proxy's new configuration. */
export class ProxyRefused extends defineError<ProxyRefused>()("ProxyRefused", {
  fields: { server: text, log: text },
  message: (e) => `The proxy of ${e.server} rejects its new configuration and keeps the old one:\n${e.log}`,
  remedy: "Fix the error shown above. If a certificate or a port is at fault, change it in deploy.yml.",
  exitCode: "failed",
  sample: { server: "web1", log: "Error: loading new config: listen tcp :443: bind: address already in use" }
}) {}

/** A file that a project wrote for the proxy is not as jiji writes it. */
export class ProxySitesUnreadable extends defineError<ProxySitesUnreadable>()("ProxySitesUnreadable", {
  fields: { server: text, engine: text, project: text, reason: text },
  message: (e) => `The proxy's file /jiji/sites/${e.project}.json on ${e.server} cannot be read: ${e.reason}`,
  remedy: (e) =>
    `If a newer jiji wrote it, use that version. Otherwise remove the file and deploy ${e.project} again: ${e.engine} exec jiji-proxy rm /jiji/sites/${e.project}.json`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", project: "blog", reason: "it has version 2" }
}) {}

/** Other deploys use the server's proxy all the time. */
export class ProxyBusy extends defineError<ProxyBusy>()("ProxyBusy", {
  fields: { server: text },
  message: (e) => `Other deploys kept changing the proxy of ${e.server}.`,
  remedy: "Deploy again when they have finished.",
  exitCode: "unavailable",
  sample: { server: "web1" }
}) {}

/** The proxy stopped between two steps of a deploy. */
export class ProxyStopped extends defineError<ProxyStopped>()("ProxyStopped", {
  fields: { server: text, engine: text },
  message: (e) => `The container jiji-proxy on ${e.server} stopped during the deploy.`,
  remedy: (e) => `See why in its log (\`${e.engine} logs jiji-proxy\`), and deploy again.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker" }
}) {}

/** A certificate in a secret is of no use for its service. */
export class CertificateInvalid extends defineError<CertificateInvalid>()("CertificateInvalid", {
  fields: { service: text, certificate: text, key: text, reason: text },
  message: (e) => `The certificate of ${e.service} (${e.certificate} with ${e.key}) cannot be used: ${e.reason}.`,
  remedy: "Correct the secret. The certificate comes first in its PEM text, then its chain. Nothing was changed.",
  exitCode: "configuration",
  sample: { service: "web", certificate: "SHOP_CERTIFICATE", key: "SHOP_KEY", reason: "it expired on 2026-01-31" }
}) {}
