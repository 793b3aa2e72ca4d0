import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync, type Stats } from "node:fs"
import { dirname } from "node:path"
import { RecordUnusable } from "./RecordError.ts"

/** Does not follow links: jiji must not change what they point to. */
const statOf = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

const setMode = (path: string, { mode }: Stats, wanted: number): void => {
  if ((mode & 0o777) !== wanted) chmodSync(path, wanted)
}

/**
 * Makes sure that a file and its folder exist, and that only this user can access them. Throws `RecordUnusable` if either
 * is a link or a special file, or belongs to another user.
 */
export const ensurePrivateFile = (file: string): void => {
  const folder = dirname(file)
  const isOwn = ({ uid }: Stats) => uid === (process.getuid?.() ?? uid)
  const foreign = (detail: string) => new RecordUnusable({ file, why: "foreign", detail })

  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const folderStats = statOf(folder)
  if (folderStats === undefined || !folderStats.isDirectory() || !isOwn(folderStats)) throw foreign(`see ${folder}`)
  setMode(folder, folderStats, 0o700)

  if (statOf(file) === undefined) {
    // SQLite would create a file that others can read at first. It gives its other files the mode of this one.
    closeSync(openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600))
  }
  const fileStats = statOf(file)
  if (fileStats === undefined || !fileStats.isFile() || !isOwn(fileStats)) throw foreign("")
  setMode(file, fileStats, 0o600)
}
