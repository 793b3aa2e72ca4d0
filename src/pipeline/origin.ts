import manifest from "../../package.json" with { type: "json" }

/**
 * Identifies this copy of jiji. Every pipeline refers to it, so that jiji can reject a pipeline that was created with
 * another copy: its steps would use the other copy's events and services. Compared by identity.
 */
export const origin = { version: manifest.version }
export type Origin = typeof origin
