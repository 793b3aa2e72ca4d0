import { Schema } from "effect"

/** What a token allows, from the least to the most. Each role includes the ones before it. */
export const roles = ["look", "run", "approve", "administer"] as const

export const Role = Schema.Literals(roles)
export type Role = typeof Role.Type

/** Whether a role includes another. */
export const includes = (role: Role, wanted: Role): boolean => roles.indexOf(role) >= roles.indexOf(wanted)
