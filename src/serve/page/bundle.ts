import { join } from "node:path"

/** The script, in a compiled program: bin/build sets it. */
declare const jijiPageScript: string | undefined

/** Bundles the page's script, from source. */
const bundle = async (): Promise<string> => {
  const { outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "browser/main.ts")],
    target: "browser",
    format: "esm",
    minify: true
  })
  return (await outputs[0]?.text()) ?? ""
}

/** The page's script: it and the parts of jiji that it uses, in one file. */
export const pageScript = (): Promise<string> =>
  typeof jijiPageScript === "string" ? Promise.resolve(jijiPageScript) : bundle()

// For bin/build: the script as a value for `--define`.
if (import.meta.main) await Bun.write(Bun.stdout, JSON.stringify(await bundle()))
