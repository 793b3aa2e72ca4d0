// Imports the page's script and styles as text. With sources.d.ts, the compiler does not treat them as modules.
import script from "./script.ts" with { type: "text" }
import style from "./style.css" with { type: "text" }

export { script, style }
