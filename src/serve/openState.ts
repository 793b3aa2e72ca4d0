import { Layer } from "effect"
import { migrate } from "./migrations.ts"
import { sqliteLayer } from "./Sqlite.ts"

/** The database, with its tables. */
export const openState = (file: string) => Layer.provideMerge(Layer.effectDiscard(migrate(file)), sqliteLayer(file))
