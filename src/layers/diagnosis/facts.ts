import { Schema } from "effect"
import { architectureOf } from "../docker/architectures.ts"

/** Splits lines of `word value` into pairs, in order. */
const parseLines = (text: string): ReadonlyArray<readonly [word: string, value: string]> =>
  text.split("\n").flatMap((line) => {
    const space = line.indexOf(" ")
    return space < 0 ? [] : [[line.slice(0, space), line.slice(space + 1)] as const]
  })

/** Seconds since the epoch. busybox prints the format's letters instead of a fraction. */
const Seconds = Schema.String.check(Schema.isPattern(/^\d+(\.(\d+|%?N))?$/))

const LookOutput = Schema.Struct({
  began: Seconds,
  ended: Seconds,
  processor: Schema.NonEmptyString,
  engine: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^(docker|podman) \S+$/))),
  nameless: Schema.optionalKey(Schema.Literals(["netavark", "aardvark-dns"])),
  free: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d+ \/.*$/)))
})

const milliseconds = (seconds: string): number => Number(seconds.replace(/\.%?N$/, "")) * 1000

/** The facts that `look.sh` prints. */
export interface LookResult {
  /** When the script started, by the machine's clock, in epoch milliseconds. */
  readonly began: number
  /** When the script ended. */
  readonly ended: number
  /** The architecture's name in images: `amd64`, `arm64`, … */
  readonly processor: string
  /** Absent if no engine responds. */
  readonly engine?: { readonly name: "docker" | "podman"; readonly version: string }
  /** What podman lacks to resolve the names of containers. Absent if they can find each other. */
  readonly lacksForNames?: "netavark" | "aardvark-dns"
  /** The free bytes in the folder where the engine stores images; absent if the folder is not on this machine. */
  readonly disk?: { readonly free: number; readonly folder: string }
}

/** Parses the output of `look.sh`. */
export const parseLookOutput = (text: string) => {
  const decoded = Schema.decodeUnknownResult(LookOutput)(Object.fromEntries(parseLines(text)))
  if (decoded._tag === "Failure") return decoded.failure
  const { began, ended, engine, free, nameless, processor } = decoded.success
  const [name, version = ""] = engine?.split(" ") ?? []
  const [kilobytes = "", ...folder] = free?.split(" ") ?? []
  const facts: LookResult = {
    began: milliseconds(began),
    ended: milliseconds(ended),
    processor: architectureOf(processor),
    ...(name !== undefined && { engine: { name: name === "podman" ? "podman" : "docker", version } }),
    ...(nameless !== undefined && { lacksForNames: nameless }),
    ...(free !== undefined && { disk: { free: Number(kilobytes) * 1024, folder: folder.join(" ") } })
  }
  return facts
}

/** Matches 127.0.0.0/8 and ::1 in the kernel's hexadecimal notation, in both byte orders. */
const isLoopback = (hex: string): boolean =>
  /^([0-9A-F]{6}7F|7F[0-9A-F]{6})$/.test(hex) || /^0{24}(01000000|00000001)$/.test(hex)

/** The state of a forwarded port, seen from its server. */
export interface PortStatus {
  /** Whether it is open to other machines; absent if unknown. */
  readonly isPublic?: boolean
  /** Whether the registry answers, and the program that tested it; absent if the server has no suitable program. */
  readonly registry?: { readonly answers: boolean; readonly program: string }
}

/** Parses the output of `tunnel.sh`. */
export const parseTunnelOutput = (text: string): PortStatus => {
  const lines = parseLines(text)
  const listens = lines.filter(([word]) => word === "listens")
  const asked = lines.find(([word]) => word === "answered" || word === "refused")
  return {
    ...(listens.length > 0 && { isPublic: listens.some(([, address]) => !isLoopback(address)) }),
    ...(asked !== undefined && { registry: { answers: asked[0] === "answered", program: asked[1] } })
  }
}
