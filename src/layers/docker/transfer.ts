import { Schema } from "effect"
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

/** A status of a layer, and how many of its bytes have been transferred, if it says so. */
interface LayerStatus {
  readonly id: string
  readonly status: string
  readonly moved?: { readonly now: number; readonly total?: number }
}

/**
 * Adds up the layers of a transfer, and reports the progress. Returns whether a status is worth showing: it is neither
 * about bytes nor the layer's last one again. Undefined if there are too many layers to follow.
 */
const addUp = (report: (amount: Amount) => void) => {
  const layers = new Map<string, Layer>()

  const tell = () => {
    const all = [...layers.values()]
    const sum = (of: "now" | "total") => all.reduce((bytes, layer) => bytes + layer[of], 0)
    report({ bytes: sum("now"), ...(all.every(({ isKnown }) => isKnown) && { total: sum("total") }) })
  }

  return ({ id, moved, status }: LayerStatus): boolean => {
    if (!layers.has(id) && layers.size >= mostLayers) return true
    const layer = layers.get(id) ?? { now: 0, total: 0, isKnown: false, word: "none" }
    layers.set(id, layer)
    const word = /^[A-Za-z]*/.exec(status)?.[0] ?? ""
    if (moved !== undefined && moving.test(word)) {
      layer.now = moved.now
      layer.total = Math.max(layer.now, moved.total ?? layer.total)
      layer.isKnown = true
      tell()
      return false
    }
    if (over.test(word)) {
      // Of a layer that was transferred quickly, docker may only tell the size while it unpacks it.
      if (layer.total === 0) layer.total = moved?.total ?? 0
      layer.now = layer.total
      layer.isKnown = true
      tell()
    }
    if (moved !== undefined || word === layer.word || (word === "" && status !== "")) return false
    layer.word = word
    return true
  }
}

/** How much a text says has been transferred. */
const movedIn = (text: string): LayerStatus["moved"] => {
  const found = numbers.exec(text)
  if (found === null) return undefined
  const [, digits = "", prefix = "", binary = "", ofDigits, ofPrefix = "", ofBinary = ""] = found
  const now = scale(digits, prefix, binary)
  return ofDigits === undefined ? { now } : { now, total: scale(ofDigits, ofPrefix, ofBinary) }
}

/**
 * Reads an engine's output of a push or a pull, line by line. Reports the progress, and returns lines that say anything
 * else; repeated statuses of a layer are returned once.
 */
export const transferReader = (report: (amount: Amount) => void): ((line: string) => string | undefined) => {
  const isShown = addUp(report)
  return (line) => {
    const text = stripVTControlCharacters(line).trimEnd()
    if (text === "") return undefined
    const [, docker, podman, status = ""] = ofLayer.exec(text) ?? []
    const id = docker ?? podman?.slice(0, 12)
    if (id === undefined || isOfImage.test(status)) return text
    const moved = movedIn(text)
    return isShown({ id, status, ...(moved !== undefined && { moved }) }) ? text : undefined
  }
}

/** A message of docker's API about a push or a pull. */
export const TransferMessage = Schema.Struct({
  id: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.String),
  progressDetail: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({ current: Schema.optionalKey(Schema.Finite), total: Schema.optionalKey(Schema.Finite) })
    )
  )
})

/** A message of docker's API that ends a push or a pull. Any value counts: a pull that failed must not pass for one that worked. */
export const TransferError = Schema.Struct({
  error: Schema.optionalKey(Schema.Unknown),
  errorDetail: Schema.optionalKey(Schema.Unknown)
})

const clamp = (bytes: number): number => Math.min(Math.max(0, Math.round(bytes)), largestLayer)

/** The same as {@link transferReader} for messages of docker's API. */
export const messageReader = (
  report: (amount: Amount) => void
): ((message: typeof TransferMessage.Type) => string | undefined) => {
  const isShown = addUp(report)
  return ({ id, progressDetail, status = "" }) => {
    const text = stripVTControlCharacters(id === undefined ? status : `${id}: ${status}`).trimEnd()
    if (text === "") return undefined
    if (id === undefined || isOfImage.test(status)) return text
    const { current, total } = progressDetail ?? {}
    const moved =
      current === undefined
        ? undefined
        : { now: clamp(current), ...(total !== undefined && total > 0 && { total: clamp(total) }) }
    return isShown({ id, status, ...(moved !== undefined && { moved }) }) ? text : undefined
  }
}
