import { describe, expect, test } from "bun:test"
import { chooseAddresses, isSubnet, layout } from "../../../src/layers/docker/network/addresses.ts"

const choose = (subnet: string, names: ReadonlyArray<string>, taken: ReadonlyArray<string> = [], seed = "r1") =>
  chooseAddresses({ subnet, names, taken, seed })

const many = (count: number) => Array.from({ length: count }, (_, index) => `web-${index}`)

test("a network's gateway is its first address, and the engine's own addresses are the upper half", () => {
  expect(layout("172.18.0.0/16")).toEqual({ gateway: "172.18.0.1", range: "172.18.128.0/17" })
  expect(layout("10.89.0.0/24")).toEqual({ gateway: "10.89.0.1", range: "10.89.0.128/25" })
  expect(layout("192.168.5.240/28")).toEqual({ gateway: "192.168.5.241", range: "192.168.5.248/29" })
  expect(layout("10.0.0.0/8")).toEqual({ gateway: "10.0.0.1", range: "10.128.0.0/9" })
})

describe("the addresses of containers", () => {
  test("are all addresses of the lower half but the network's own and the gateway's", () => {
    const all = Object.values(choose("192.168.5.240/28", many(6)))
    expect(all.toSorted()).toEqual(["242", "243", "244", "245", "246", "247"].map((last) => `192.168.5.${last}`))
    const wide = Object.values(choose("10.89.0.0/24", many(126)))
    expect(new Set(wide).size).toBe(126)
    expect(wide.map((address) => Number(address.split(".")[3])).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 126 }, (_, index) => index + 2)
    )
  })

  test("are none that is taken", () => {
    const taken = ["242", "243", "245", "246", "247"].map((last) => `192.168.5.${last}`)
    expect(choose("192.168.5.240/28", ["web"], taken)).toEqual({ web: "192.168.5.244" })
  })

  test("are missing for the names for which none is left", () => {
    const chosen = choose("192.168.5.240/28", many(8))
    expect(Object.keys(chosen)).toEqual(many(6))
    expect(choose("10.0.0.0/30", ["web"])).toEqual({})
    expect(choose("fd00::/64", ["web"])).toEqual({})
  })

  test("are the same for the same run, and spread over the subnet for different ones", () => {
    expect(choose("172.18.0.0/16", ["web"])).toEqual(choose("172.18.0.0/16", ["web"]))
    const runs = Array.from({ length: 100 }, (_, run) => choose("172.18.0.0/16", ["web"], [], `run ${run}`)["web"])
    expect(new Set(runs).size).toBeGreaterThan(95)
    const thirds = runs.map((address) => Number(address?.split(".")[2]))
    expect(Math.max(...thirds)).toBeLessThan(128)
    expect(Math.max(...thirds)).toBeGreaterThan(96)
    expect(Math.min(...thirds)).toBeLessThan(32)
  })
})

test("a subnet is an IPv4 one with two halves", () => {
  for (const subnet of ["172.18.0.0/16", "10.0.0.0/8", "10.0.0.0/28"]) expect(isSubnet(subnet)).toBe(true)
  for (const text of ["", "172.18.0.0", "172.18.0.0/33", "172.18.0.0/31", "256.0.0.0/8", "fd00::/64", "10.0.0.0/0"]) {
    expect(isSubnet(text)).toBe(false)
  }
})
