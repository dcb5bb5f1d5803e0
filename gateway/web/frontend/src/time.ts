// <x-time ms="…"> shows a time in the viewer's zone. `relative`: and how long ago, kept up to date; `short`: only that.
import { lang, t } from "./words";

const DAY = 86_400_000;
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dayAndClock = new Intl.DateTimeFormat(lang, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
});
const full = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "long" });
const ago = new Intl.RelativeTimeFormat(lang, { numeric: "always", style: "narrow" });

let serverAhead = 0; // ms; the gateway's clock is the one that counts

/** Take the gateway's clock as the measure of how old things are. */
export function setServerNow(ms: number): void {
  serverAhead = ms - Date.now();
}

export function serverNow(): number {
  return Date.now() + serverAhead;
}

export function absolute(ms: number): string {
  const today = new Date(ms).toDateString() === new Date().toDateString();
  return today ? clock.format(ms) : dayAndClock.format(ms);
}

export function relative(ms: number): string {
  const seconds = Math.round((ms - serverNow()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return t("js.now");
  if (size < 60) return ago.format(seconds - (seconds % 5), "second");
  if (size < 3_600) return ago.format(Math.trunc(seconds / 60), "minute");
  if (size < 48 * 3_600) return ago.format(Math.trunc(seconds / 3_600), "hour");
  return ago.format(Math.trunc(seconds / 86_400), "day");
}

const shown = new Set<TimeElement>();

class TimeElement extends HTMLElement {
  static observedAttributes = ["ms"];
  #time: HTMLTimeElement | null = null;
  #ago: HTMLSpanElement | null = null;

  connectedCallback(): void {
    this.#render();
    if (this.hasAttribute("relative") || this.hasAttribute("short")) shown.add(this);
  }

  disconnectedCallback(): void {
    shown.delete(this);
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#render();
  }

  tick(): void {
    const text = relative(Number(this.getAttribute("ms")));
    if (this.#ago && this.#ago.textContent !== text) this.#ago.textContent = text;
  }

  #render(): void {
    const ms = Number(this.getAttribute("ms"));
    if (!Number.isFinite(ms)) return;
    this.title = full.format(ms);
    if (!this.#time) {
      this.#time = document.createElement("time");
      this.#ago = document.createElement("span");
      this.#ago.className = "ago";
      const parts: Node[] = this.hasAttribute("short") ? [this.#ago] : [this.#time];
      if (this.hasAttribute("relative")) parts.push(document.createTextNode(" "), this.#ago);
      this.replaceChildren(...parts);
    }
    this.#time.dateTime = new Date(ms).toISOString();
    this.#time.textContent = absolute(ms);
    this.tick();
  }
}

customElements.define("x-time", TimeElement);
setInterval(() => shown.forEach((element) => element.tick()), 1_000);

// The gateway needs the viewer's zone to know when "today" began.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = `huishou_tz=${encodeURIComponent(zone)}; path=/; max-age=${(365 * DAY) / 1000}; samesite=lax`;
