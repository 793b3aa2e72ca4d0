/** Reads a body, but no more than `max` bytes of it. Undefined if there is more. `onBytes` hears of each part. */
export const limitedBody = async (
  body: ReadableStream<Uint8Array> | null,
  max: number,
  onBytes: (count: number) => void = () => {}
): Promise<Uint8Array<ArrayBuffer> | undefined> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    onBytes(chunk.byteLength)
    // Leaving the loop cancels the stream.
    if (size > max) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Whether the sender says that a body is too large, before any of it is read. */
export const saysTooLarge = (headers: Headers, max: number): boolean => Number(headers.get("content-length") ?? 0) > max
