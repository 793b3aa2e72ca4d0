import { stripVTControlCharacters } from "node:util"
import type { Amount } from "../../core/Progress.ts"

interface Layer {
  now: number
  total: number
  /** Whether its size is known, or nothing of it has to be transferred. */
  isKnown: boolean
  /** The first word of its last status. */
  word: string
}

/** `930414e60863: Pushing [=>   ]  5.539MB/120MB` of docker's, `Copying blob 6cce2fd30a69 [=>--] 13.9MiB / 114.5MiB` of podman's. */
const ofLayer = /^(?:([0-9a-f]{12}):|Copying (?:blob|config) (?:sha256:)?([0-9a-f]{7,64}))(?: +(.*))?$/

/** Lines about the whole image, whose tag may look like a layer's id. */
const isOfImage = /^(?:Pulling from|digest:) /

const size = String.raw`(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)[bB]`
const numbers = new RegExp(String.raw`(?:^|[\s\]])${size}(?: ?/ ?${size})?`)

/** More layers, and larger ones, than any image has; their sum is still an exact integer. */
const mostLayers = 1000
const largestLayer = 2 ** 43

const scale = (digits: string, prefix: string, binary: string): number => {
  const unit = (binary === "i" ? 1024 : 1000) ** " KMGT".indexOf(prefix.toUpperCase() || " ")
  return Math.min(Math.round(Number(digits) * unit), largestLayer)
}

/** Docker's words for a transfer; podman prints none. Unpacking follows. */
const moving = /^(?:Pushing|Downloading|)$/

/** The statuses of a layer that is transferred, or did not have to be. */
const over = /^(?:Pushed|Layer|Mounted|Already|Verifying|Download|Extracting|Pull|done|skipped)$/

/**
 * Reads an engine's output of a push or a pull, line by line. Reports the progress, and returns lines that say anything
 * else; repeated statuses of a layer are returned once.
 */
export const transferReader = (report: (amount: Amount) => void): ((line: string) => string | undefined) => {
  const layers = new Map<string, Layer>()

  const tell = () => {
    const all = [...layers.values()]
    const sum = (of: "now" | "total") => all.reduce((bytes, layer) => bytes + layer[of], 0)
    report({ bytes: sum("now"), ...(all.every(({ isKnown }) => isKnown) && { total: sum("total") }) })
  }

  return (line) => {
    const text = stripVTControlCharacters(line).trimEnd()
    if (text === "") return undefined
    const [, docker, podman, status = ""] = ofLayer.exec(text) ?? []
    const id = docker ?? podman?.slice(0, 12)
    if (id === undefined || isOfImage.test(status)) return text
    if (!layers.has(id) && layers.size >= mostLayers) return text
    const layer = layers.get(id) ?? { now: 0, total: 0, isKnown: false, word: "none" }
    layers.set(id, layer)
    const word = /^[A-Za-z]*/.exec(status)?.[0] ?? ""
    const found = numbers.exec(status)
    if (found !== null && moving.test(word)) {
      const [, digits = "", prefix = "", binary = "", ofDigits, ofPrefix = "", ofBinary = ""] = found
      layer.now = scale(digits, prefix, binary)
      layer.total = Math.max(layer.now, ofDigits === undefined ? layer.total : scale(ofDigits, ofPrefix, ofBinary))
      layer.isKnown = true
      tell()
      return undefined
    }
    if (over.test(word)) {
      layer.now = layer.total
      layer.isKnown = true
      tell()
    }
    if (found !== null || word === layer.word || (word === "" && status !== "")) return undefined
    layer.word = word
    return text
  }
}
