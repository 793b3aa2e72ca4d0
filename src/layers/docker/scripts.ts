import replace from "./replace.sh" with { type: "text" }

/** The scripts that run on machines, by name. */
export const scripts = { replace }
