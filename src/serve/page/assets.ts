import { createHash } from "node:crypto"
import { style as runStyle } from "../../record/page/sources.js"
import { pageScript } from "./bundle.ts"
import { style } from "./sources.js"

/** A file of the page. Its name has its hash, so browsers can keep it forever. */
export interface Asset {
  readonly name: string
  readonly type: string
  readonly text: string
}

const asset = (name: string, suffix: string, type: string, text: string): Asset => ({
  name: `${name}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.${suffix}`,
  type,
  text
})

const make = async () => ({
  script: asset("script", "js", "text/javascript; charset=utf-8", await pageScript()),
  style: asset("style", "css", "text/css; charset=utf-8", `${runStyle}\n${style}`)
})

let made: ReturnType<typeof make> | undefined

/** The files of the page. They are made when somebody first opens it. */
export const assets = (): ReturnType<typeof make> => (made ??= make())

/** The page's document. Everything else is drawn by its script. All addresses are relative, so it works below any path. */
export const documentOf = (files: Awaited<ReturnType<typeof make>>): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>jiji</title>
<link rel="stylesheet" href="page/${files.style.name}">
<script type="module" src="page/${files.script.name}"></script>
</head>
<body>
<noscript><p class="empty">This page needs JavaScript. Without it, use the API: docs/serve.md describes it.</p></noscript>
</body>
</html>
`
