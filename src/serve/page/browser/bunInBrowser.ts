import { stripAnsi } from "./stripAnsi.ts"

// Parts of jiji that the page shares with the command line use this function of Bun. Import this file before them.
Object.assign(globalThis, { Bun: { stripANSI: stripAnsi } })
