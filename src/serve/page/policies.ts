/** What the page may load and do: only its own files, and requests to its own server. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // Markup comes only from the functions that draw a run, and they escape all text.
  "require-trusted-types-for 'script'",
  "trusted-types jiji"
].join("; ")

/** Headers of every answer, unless it has its own. Answers of the API are data, which a browser must never show as a page. */
const defaults = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
} as const

/** Adds what every answer should have. */
export const secured = (response: Response): Response => {
  for (const [name, value] of Object.entries(defaults)) {
    if (!response.headers.has(name)) response.headers.set(name, value)
  }
  if (response.status === 429 && !response.headers.has("retry-after")) response.headers.set("retry-after", "60")
  return response
}
