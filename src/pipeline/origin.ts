import manifest from "../../package.json" with { type: "json" }

/**
 * This copy of jiji, as what it makes remembers it: by its identity a pipeline is told from one that another copy has
 * made, whose steps would publish to other events and ask for other services.
 */
export const origin = { version: manifest.version }
export type Origin = typeof origin
