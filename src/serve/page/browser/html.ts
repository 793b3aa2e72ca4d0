/** The part of Trusted Types that the page uses. TypeScript's types of browsers do not have it. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { readonly createHTML: (html: string) => string }
  ): { readonly createHTML: (html: string) => string }
}

// Browsers without it have no such property.
const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes }

/** The page's policy lets a browser take markup only from here: see src/serve/page/policies.ts. */
const policy = trustedTypes?.createPolicy("jiji", { createHTML: (html) => html })

const trusted = (html: string): string => policy?.createHTML(html) ?? html

/** Replaces the content of an element. Only for what the functions in src/record return, which escape all text. */
export const setHtml = (element: Element, html: string): void => {
  element.innerHTML = trusted(html)
}

/** Adds to the content of an element, on the same condition. */
export const appendHtml = (element: Element, html: string): void =>
  element.insertAdjacentHTML("beforeend", trusted(html))
