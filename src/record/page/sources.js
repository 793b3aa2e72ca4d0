// Here the page's parts are words, to be written into it; sources.d.ts keeps the compiler from taking them for modules.
import script from "./script.ts" with { type: "text" }
import style from "./style.css" with { type: "text" }

export { script, style }
