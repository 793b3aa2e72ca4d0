/** The page's own style sheet. It follows the one of the run page. */
export const style: string
