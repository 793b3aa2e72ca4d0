import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import type { TriggerSource } from "../../config/Trigger.ts"

/** The sources whose events come as requests. */
export type HookSource = Exclude<TriggerSource, { readonly _tag: "Cron" | "Event" }>

/** A request before anybody has looked at its body. */
export interface HookRequest {
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  /** What follows the trigger's name in the URL. */
  readonly urlSecret?: string | undefined
  /** In epoch milliseconds. */
  readonly now: number
}

/** How far the clock of a sender may be off, and how long a signature can be used, in seconds. */
const tolerance = 300

/** Compares two texts of any length in a time that does not depend on their contents. */
const isSame = (a: string, b: string): boolean => {
  const digest = (text: string) => createHash("sha256").update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

const hmac = (key: string | Uint8Array, ...parts: ReadonlyArray<string | Uint8Array>) => {
  const mac = createHmac("sha256", key)
  for (const part of parts) mac.update(part)
  return mac
}

/** https://www.standardwebhooks.com: the secret is text, or base64 after `whsec_`. */
const isStandard = ({ body, headers, now }: HookRequest, secret: string): boolean => {
  const { "webhook-id": id, "webhook-signature": signatures, "webhook-timestamp": timestamp } = headers
  if (id === undefined || signatures === undefined || timestamp === undefined) return false
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > tolerance) return false
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret
  const expected = `v1,${hmac(key, `${id}.${timestamp}.`, body).digest("base64")}`
  // While a secret is replaced, senders sign with both.
  return signatures.split(" ").some((signature) => isSame(signature, expected))
}

/** Whether a request comes from somebody who knows the secret. It must hold before anything else of it is read. */
export const isGenuine = (source: HookSource, request: HookRequest, secret: string): boolean => {
  const { body, headers, urlSecret } = request
  switch (source._tag) {
    case "GitHub":
      return isSame(headers["x-hub-signature-256"] ?? "", `sha256=${hmac(secret, body).digest("hex")}`)
    case "Gitea": {
      const signature = headers["x-gitea-signature"] ?? headers["x-forgejo-signature"] ?? ""
      return isSame(signature, hmac(secret, body).digest("hex"))
    }
    case "GitLab":
      return headers["webhook-signature"] === undefined
        ? isSame(headers["x-gitlab-token"] ?? "", secret)
        : isStandard(request, secret)
    case "Webhook":
      return isStandard(request, secret)
    case "DockerHub":
      return isSame(urlSecret ?? "", secret)
    case "Registry":
      return isSame(headers["authorization"] ?? "", `Bearer ${secret}`)
  }
}
