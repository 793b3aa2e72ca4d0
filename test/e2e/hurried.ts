// Shortens jiji's time limits to a twelfth: `bun --preload hurried.ts main.ts deploy`.
import { LimitScale } from "../../src/layers/processes/limit.ts"

Reflect.set(LimitScale, "defaultValue", () => 1 / 12)
