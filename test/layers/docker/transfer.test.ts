import { describe, expect, test } from "bun:test"
import type { Amount } from "../../../src/core/Progress.ts"
import { transferReader } from "../../../src/layers/docker/transfer.ts"

/** What is left of an engine's lines, and the last that was told. */
const read = (text: string) => {
  const told: Array<Amount> = []
  const hear = transferReader((so) => told.push(so))
  const lines = text
    .split(/\r\n?|\n/)
    .map(hear)
    .filter((line) => line !== undefined)
  return { lines, told }
}

/** As docker draws one line anew among others. */
const drawn = (line: string) => `\u001b[2A\u001b[2K\r${line}\r\u001b[2B`

test("docker push: counts the bytes of all layers, with a total once every size is known", () => {
  const { lines, told } = read(
    [
      "The push refers to repository [ghcr.io/me/web]\r\n\r\n",
      drawn("40d716fba2e3: Preparing "),
      drawn("930414e60863: Preparing "),
      drawn("0123456789ab: Preparing "),
      drawn("930414e60863: Pushing [>                        ]  525.3kB/120MB"),
      drawn("40d716fba2e3: Waiting "),
      drawn("0123456789ab: Layer already exists "),
      drawn("40d716fba2e3: Pushing [===>                     ]  2.294MB/30MB"),
      drawn("930414e60863: Pushing [=======================> ]  118.1MB/120MB"),
      drawn("40d716fba2e3: Pushing [========================>]     31MB"),
      drawn("40d716fba2e3: Pushed "),
      drawn("930414e60863: Pushed "),
      "v1: digest: sha256:d0ec size: 742\r\n"
    ].join("")
  )
  expect(told).toEqual([
    { bytes: 525_300 },
    { bytes: 525_300 },
    { bytes: 2_819_300, total: 150_000_000 },
    { bytes: 120_394_000, total: 150_000_000 },
    { bytes: 149_100_000, total: 151_000_000 },
    { bytes: 149_100_000, total: 151_000_000 },
    { bytes: 151_000_000, total: 151_000_000 }
  ])
  expect(lines).toEqual([
    "The push refers to repository [ghcr.io/me/web]",
    "40d716fba2e3: Preparing",
    "930414e60863: Preparing",
    "0123456789ab: Preparing",
    "40d716fba2e3: Waiting",
    "0123456789ab: Layer already exists",
    "40d716fba2e3: Pushed",
    "930414e60863: Pushed",
    "v1: digest: sha256:d0ec size: 742"
  ])
})

test("docker pull: does not count bytes again when they are unpacked", () => {
  const { lines, told } = read(
    [
      "ghcr.io/me/web@sha256:d0ec: Pulling from me/web\r\n",
      drawn("6cce2fd30a69: Pulling fs layer "),
      drawn("6cce2fd30a69: Downloading  14.12MB/120MB"),
      drawn("6cce2fd30a69: Verifying Checksum "),
      drawn("6cce2fd30a69: Download complete "),
      drawn("6cce2fd30a69: Extracting [=====>   ]  12.26MB/120MB"),
      drawn("6cce2fd30a69: Extracting [========>]    120MB/120MB"),
      drawn("6cce2fd30a69: Pull complete "),
      "Status: Downloaded newer image for ghcr.io/me/web@sha256:d0ec\r\n"
    ].join("")
  )
  expect(told.at(0)).toEqual({ bytes: 14_120_000, total: 120_000_000 })
  expect(told.slice(1).every((so) => so.bytes === 120_000_000 && so.total === 120_000_000)).toBe(true)
  expect(lines).toEqual([
    "ghcr.io/me/web@sha256:d0ec: Pulling from me/web",
    "6cce2fd30a69: Pulling fs layer",
    "6cce2fd30a69: Verifying Checksum",
    "6cce2fd30a69: Download complete",
    "6cce2fd30a69: Pull complete",
    "Status: Downloaded newer image for ghcr.io/me/web@sha256:d0ec"
  ])
})

test("podman: understands output that redraws all lines each time", () => {
  const { lines, told } = read(
    [
      "Trying to pull ghcr.io/me/web:v1...",
      "Copying blob 6cce2fd30a69 [--------------------] 0.0b / 114.5MiB",
      "Copying blob 93a837b212ac .                     ",
      "\u001b[2A\u001b[JCopying blob 6cce2fd30a69 [========>-----------] 57.0MiB / 114.5MiB | 20.1 MiB/s",
      "Copying blob 93a837b212ac skipped: already exists  ",
      "\u001b[2A\u001b[JCopying blob 6cce2fd30a69 done   | ",
      "Copying blob 93a837b212ac skipped: already exists  ",
      "Copying config 174ccdc9f6 [====================] 1.5KiB / 1.5KiB",
      "Copying config 174ccdc9f6 done  ",
      "Writing manifest to image destination"
    ].join("\r\n")
  )
  const whole = Math.round(114.5 * 1024 * 1024)
  expect(told).toEqual([
    { bytes: 0, total: whole },
    { bytes: 57 * 1024 * 1024 },
    { bytes: 57 * 1024 * 1024, total: whole },
    { bytes: whole, total: whole },
    { bytes: whole, total: whole },
    { bytes: whole + 1536, total: whole + 1536 },
    { bytes: whole + 1536, total: whole + 1536 }
  ])
  expect(lines).toEqual([
    "Trying to pull ghcr.io/me/web:v1...",
    "Copying blob 93a837b212ac skipped: already exists",
    "Copying blob 6cce2fd30a69 done   |",
    "Copying config 174ccdc9f6 done",
    "Writing manifest to image destination"
  ])
})

test("ignores numbers that no image has", () => {
  const many = Array.from({ length: 2000 }, (_, at) => at.toString(16).padStart(12, "0"))
  const huge = `${"9".repeat(400)}TB`
  const { lines, told } = read(many.map((id) => `${id}: Pushing  ${huge}/${huge}`).join("\n"))
  expect(told).toHaveLength(1000)
  expect(lines).toHaveLength(1000)
  expect(told.every(({ bytes, total = 0 }) => Number.isSafeInteger(bytes) && Number.isSafeInteger(total))).toBe(true)
  for (const odd of ["...MB/5MB", "-", "NaNMB/5MB"]) {
    expect(read(`40d716fba2e3: Pushing  ${odd}`).told.every(({ bytes }) => Number.isSafeInteger(bytes))).toBe(true)
  }
})

describe("output without a terminal", () => {
  test("is passed on unchanged, and reports no bytes", () => {
    const text = [
      "The push refers to repository [ghcr.io/me/web]",
      "40d716fba2e3: Preparing",
      "40d716fba2e3: Pushed",
      "Copying blob sha256:6cce2fd30a6943a0b7f1d5a7b2d8f6f5f1c3a2b1c0d9e8f7a6b5c4d3e2f1a0b9",
      "Error: writing blob: 5 MB of 6 MB"
    ]
    const { lines, told } = read(text.join("\n"))
    expect(lines).toEqual(text)
    expect(told).toEqual([{ bytes: 0, total: 0 }])
  })

  test("shows a countdown once", () => {
    const hear = transferReader(() => {})
    const said = [3, 2, 1].map((seconds) => hear(`40d716fba2e3: Retrying in ${seconds} seconds`))
    expect(said).toEqual(["40d716fba2e3: Retrying in 3 seconds", undefined, undefined])
  })

  test("does not mistake a version for a layer", () => {
    const told: Array<Amount> = []
    const hear = transferReader((so) => told.push(so))
    expect(hear("a1b2c3d4e5f6: Pulling from me/web")).toBe("a1b2c3d4e5f6: Pulling from me/web")
    hear("6cce2fd30a69: Downloading  14MB/120MB")
    expect(told).toEqual([{ bytes: 14_000_000, total: 120_000_000 }])
  })
})
