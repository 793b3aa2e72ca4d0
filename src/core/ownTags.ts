/**
 * The tags of jiji's own failures. They are part of the documented event format, so an event keeps them even if a secret
 * happens to have the same text. `defineError` adds each of jiji's errors.
 */
export const ownTags = new Set(["Defect", "Failure"])
