import { edenGC, fullGC } from "bun:jsc"

/** Of what lived shortly: some 2 ms. */
const young = 16 * 1024 * 1024

/** Of all there is: some 25 ms. A layer leaves enough to be worth that, and a page does not. */
const all = 256 * 1024 * 1024

let sinceYoung = 0
let sinceAll = 0

/**
 * Says that bytes have passed through this process. Every piece of them leaves garbage of its size, and the runtime
 * thinks of all of the machine's memory before it collects it: by itself it lets a large layer take 250 MB and more.
 */
export const collectAfter = (bytes: number): void => {
  sinceYoung += bytes
  sinceAll += bytes
  if (sinceYoung < young) return
  sinceYoung = 0
  if (sinceAll < all) return void edenGC()
  sinceAll = 0
  fullGC()
}
