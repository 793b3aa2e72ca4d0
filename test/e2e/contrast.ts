/** The contrast ratio of two colours in the browser's notation (WCAG 2.2). */
export const contrast = (a: string, b: string): number => {
  const light = (color: string) => {
    const [red = 0, green = 0, blue = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
      const value = Number(part) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [darker = 0, lighter = 0] = [light(a), light(b)].sort((x, y) => x - y)
  return (lighter + 0.05) / (darker + 0.05)
}
