/** The next piece. Undefined at the end. Not a promise if it is there already, since a promise costs more than hashing a piece. */
export type Next = Uint8Array | undefined | Promise<Uint8Array | undefined>

/** Hands bytes from one fiber to another. */
export interface Pieces {
  /** Adds a piece. Undefined if there is room for more; otherwise wait for the promise before adding the next one. */
  put(piece: Uint8Array): Promise<void> | undefined
  /** Says that no more pieces follow. Pieces that are added nevertheless are dropped. */
  end(): void
  take(): Next
}

/** How many bytes may wait to be taken. */
const maxWaiting = 1024 * 1024

export const make = (): Pieces => {
  let waiting: Array<Uint8Array> = []
  let size = 0
  let ended = false
  let onPiece: ((piece: Uint8Array | undefined) => void) | undefined
  let onRoom: (() => void) | undefined
  return {
    put: (piece) => {
      if (ended || piece.length === 0) return undefined
      if (onPiece !== undefined) {
        const give = onPiece
        onPiece = undefined
        give(piece)
        return undefined
      }
      waiting.push(piece)
      size += piece.length
      return size < maxWaiting ? undefined : new Promise((resolve) => (onRoom = resolve))
    },
    end: () => {
      ended = true
      onPiece?.(undefined)
      onRoom?.()
    },
    take: () => {
      const piece = waiting.shift()
      if (piece === undefined) return ended ? undefined : new Promise((resolve) => (onPiece = resolve))
      size -= piece.length
      if (size < maxWaiting) {
        onRoom?.()
        onRoom = undefined
      }
      return piece
    }
  }
}
