/** The source of the page's script. */
export const script: string
/** The page's style sheet. */
export const style: string
