// Imports the page's styles as text. With sources.d.ts, the compiler does not treat them as a module.
import style from "./browser/style.css" with { type: "text" }

export { style }
