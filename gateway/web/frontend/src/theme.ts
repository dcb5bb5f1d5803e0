// Colours for what is drawn on canvas, taken from the style sheet, so that light and dark are decided in one place.

export type Theme = (name: string) => string;

/** The colours as they are now. */
export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim() || "#888";
}

/** Tell when light turns to dark or back. */
export function onThemeChange(redraw: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
