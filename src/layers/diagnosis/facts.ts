import { Schema } from "effect"
import { architectureOf } from "../docker/architectures.ts"

/** Lines of `word value` as pairs, in their order. */
const pairs = (text: string): ReadonlyArray<readonly [word: string, value: string]> =>
  text.split("\n").flatMap((line) => {
    const space = line.indexOf(" ")
    return space < 0 ? [] : [[line.slice(0, space), line.slice(space + 1)] as const]
  })

/** Seconds since the epoch; busybox writes no fraction, but the letters of the format. */
const Seconds = Schema.String.check(Schema.isPattern(/^\d+(\.(\d+|%?N))?$/))

const Looked = Schema.Struct({
  began: Seconds,
  ended: Seconds,
  processor: Schema.NonEmptyString,
  engine: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^(docker|podman) \S+$/))),
  free: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d+ \/.*$/)))
})

const milliseconds = (seconds: string): number => Number(seconds.replace(/\.%?N$/, "")) * 1000

/** What `look.sh` found, but for the engine's words of complaint. */
export interface Facts {
  /** Epoch milliseconds of the machine's own clock. */
  readonly began: number
  readonly ended: number
  /** As images call it: `amd64`, `arm64`, … */
  readonly processor: string
  /** Absent where none answers. */
  readonly engine?: { readonly name: "docker" | "podman"; readonly version: string }
  /** Bytes that are free where the engine keeps its images; absent where the folder is not on this machine. */
  readonly disk?: { readonly free: number; readonly folder: string }
}

/** Reads what `look.sh` wrote. */
export const decodeFacts = (text: string) => {
  const decoded = Schema.decodeUnknownResult(Looked)(Object.fromEntries(pairs(text)))
  if (decoded._tag === "Failure") return decoded.failure
  const { began, ended, engine, free, processor } = decoded.success
  const [name, version = ""] = engine?.split(" ") ?? []
  const [kilobytes = "", ...folder] = free?.split(" ") ?? []
  const facts: Facts = {
    began: milliseconds(began),
    ended: milliseconds(ended),
    processor: architectureOf(processor),
    ...(name !== undefined && { engine: { name: name === "podman" ? "podman" : "docker", version } }),
    ...(free !== undefined && { disk: { free: Number(kilobytes) * 1024, folder: folder.join(" ") } })
  }
  return facts
}

/** Addresses of 127.0.0.0/8 and ::1, as the kernel writes them on machines of either byte order. */
const isLoopback = (hex: string): boolean =>
  /^([0-9A-F]{6}7F|7F[0-9A-F]{6})$/.test(hex) || /^0{24}(01000000|00000001)$/.test(hex)

/** What a forwarded port looks like from the server. */
export interface SeenPort {
  /** Whether it is open to other machines; absent where that cannot be known. */
  readonly open?: boolean
  /** Whether the registry answers behind it, and by which program that was tried; absent where there was none. */
  readonly registry?: { readonly answers: boolean; readonly asked: string }
}

/** Reads what `tunnel.sh` wrote. */
export const decodeSeenPort = (text: string): SeenPort => {
  const all = pairs(text)
  const listens = all.filter(([word]) => word === "listens")
  const asked = all.find(([word]) => word === "answered" || word === "refused")
  return {
    ...(listens.length > 0 && { open: listens.some(([, address]) => !isLoopback(address)) }),
    ...(asked !== undefined && { registry: { answers: asked[0] === "answered", asked: asked[1] } })
  }
}
