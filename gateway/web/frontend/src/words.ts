// The page's texts, put into the document by the server in the language of the request.
const element = document.getElementById("words");
const words: Record<string, string> = element ? JSON.parse(element.textContent ?? "{}") : {};

export const lang = document.documentElement.lang || "en";

/** The text of a key; the key itself when there is none, so that a mistake is seen and nothing breaks. */
export function t(key: string, values: Record<string, string> = {}): string {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}

/** The word for what a device says (`door.open`), or what it said. */
export function known(prefix: string, word: string): string {
  return words[`${prefix}.${word}`] ?? word;
}

const massFormat = [2, 1].map(
  (digits) => new Intl.NumberFormat(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

/** One mass: `1.25 kg`. */
export function kilograms(grams: number): string {
  return `${massFormat[Math.abs(grams) < 100_000 ? 0 : 1]!.format(grams / 1000)}\u00a0kg`;
}

/** A sum of masses, in tonnes from one tonne on. */
export function total(grams: number): string {
  return Math.abs(grams) < 1_000_000 ? kilograms(grams) : `${massFormat[0]!.format(grams / 1e6)}\u00a0t`;
}

export const integer = new Intl.NumberFormat(lang);
