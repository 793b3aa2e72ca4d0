import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync, type Stats } from "node:fs"
import { dirname } from "node:path"
import { RecordUnusable } from "./RecordError.ts"

/** What is there itself: a link is never followed, for what it leads to is not jiji's to change. */
const look = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false })

const makePrivate = (path: string, { mode }: Stats, wanted: number): void => {
  if ((mode & 0o777) !== wanted) chmodSync(path, wanted)
}

/**
 * Makes the record's file and its folder for this user's eyes alone, where they are not there. Throws `RecordUnusable`
 * where one of them is something else than a file and a folder of this user's own.
 */
export const ready = (file: string): void => {
  const folder = dirname(file)
  const isOwn = ({ uid }: Stats) => uid === (process.getuid?.() ?? uid)
  const foreign = (detail: string) => new RecordUnusable({ file, why: "foreign", detail })

  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const around = look(folder)
  if (around === undefined || !around.isDirectory() || !isOwn(around)) throw foreign(`see ${folder}`)
  makePrivate(folder, around, 0o700)

  if (look(file) === undefined) {
    // Not by SQLite, so that nobody else may read it at any moment; its other files are made as it is.
    closeSync(openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600))
  }
  const own = look(file)
  if (own === undefined || !own.isFile() || !isOwn(own)) throw foreign("")
  makePrivate(file, own, 0o600)
}
