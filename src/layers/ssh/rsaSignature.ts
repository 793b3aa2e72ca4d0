import type { ParsedKey } from "ssh2"

const hashes = { "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" } as const

/** A signature algorithm of RSA keys. */
export type RsaAlgorithm = keyof typeof hashes

export const rsaAlgorithms: ReadonlyArray<RsaAlgorithm> = ["rsa-sha2-256", "rsa-sha2-512"]

/** The name of an algorithm's hash, as the library writes it. */
export const hashOf = (algorithm: RsaAlgorithm): "sha256" | "sha512" => hashes[algorithm]

/**
 * An RSA key that signs with this algorithm only. The library chooses one for keys of the type `ssh-rsa`; for any other
 * type, it sends the type as the algorithm's name.
 */
export const limitKey = (key: ParsedKey, algorithm: RsaAlgorithm): ParsedKey => {
  // Inherits from the key, because the library recognizes its keys by private symbols.
  const limited: ParsedKey = Object.create(key, {
    type: { value: algorithm },
    sign: { value: (data: Buffer | string) => key.sign(data, hashOf(algorithm)) }
  })
  return limited
}
