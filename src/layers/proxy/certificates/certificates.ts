import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import common from "../proxy.sh" with { type: "text" }
import text from "./certificates.sh" with { type: "text" }

const pem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/gu

/** Prints the certificates of a server's proxy. */
export const certificates = defineScript({
  name: "proxy-certificates",
  text: `${common}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString
  },
  answer: (stdout) => Effect.succeed([...stdout.matchAll(pem)].map(([text]) => text)),
  usual: () => "",
  byHand: ({ engine }) => [[engine, "exec", "jiji-proxy", "ls", "-R", "/data/caddy/certificates"]]
})
