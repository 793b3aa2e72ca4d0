import { createHash } from "node:crypto"

/** An IPv4 subnet, such as `172.18.0.0/16`. */
const pattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/

interface Range {
  /** The first address, as a number. */
  readonly first: number
  readonly bits: number
}

/** Returns undefined for anything but an IPv4 subnet that has two halves. */
const parse = (subnet: string): Range | undefined => {
  const [bytes, bits] = [subnet.split("/")[0] ?? "", Number(subnet.split("/")[1])]
  if (!pattern.test(subnet) || bits > 30 || bits < 1) return undefined
  const numbers = bytes.split(".").map(Number)
  if (numbers.some((byte) => byte > 255)) return undefined
  return { first: numbers.reduce((all, byte) => all * 256 + byte, 0), bits }
}

export const isSubnet = (text: string): boolean => parse(text) !== undefined

/** Whether an address is one of a subnet. */
export const isInSubnet = (address: string, subnet: string): boolean => {
  const [range, one] = [parse(subnet), parse(`${address}/30`)]
  return (
    range !== undefined && one !== undefined && Math.floor((one.first - range.first) / 2 ** (32 - range.bits)) === 0
  )
}

const print = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".")

/** How a network is created: its gateway, and the half from which the engine takes addresses by itself. */
export const layout = (subnet: string): { readonly gateway: string; readonly range: string } => {
  const { bits, first } = parse(subnet) ?? { bits: 16, first: 0 }
  return { gateway: print(first + 1), range: `${print(first + 2 ** (31 - bits))}/${bits + 1}` }
}

/** A number below `limit` that is as good as random, and the same for the same text. */
const spread = (text: string, limit: number): number =>
  createHash("sha256").update(text).digest().readUIntBE(0, 6) % limit

/**
 * Chooses an address for each name from the lower half of a subnet, without the network's own address, the gateway's, and
 * those that are taken. The same `seed` gives the same addresses; different ones seldom meet. A name for which none is left
 * is missing in the result.
 */
export const chooseAddresses = (options: {
  readonly subnet: string
  readonly names: ReadonlyArray<string>
  readonly taken: ReadonlyArray<string>
  readonly seed: string
}): Readonly<Record<string, string>> => {
  const { names, seed, subnet, taken } = options
  const range = parse(subnet)
  if (range === undefined) return {}
  const count = 2 ** (31 - range.bits) - 2
  const used = new Set(taken)
  const chosen: Record<string, string> = {}
  for (const name of names) {
    const start = spread(`${seed} ${name}`, Math.max(1, count))
    for (let offset = 0; offset < count; offset++) {
      const address = print(range.first + 2 + ((start + offset) % count))
      if (used.has(address)) continue
      used.add(address)
      chosen[name] = address
      break
    }
  }
  return chosen
}
