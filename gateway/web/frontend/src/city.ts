// What else changes on the city page: the counters and the list of what comes in.
import type { Counts, EventView, Update } from "./live";
import { integer, known, t, total } from "./words";

const TICKER_LINES = 40;
const seen = new Set<string>();

export function updateCity(update: Update): void {
  updateCounts(update.counts);
  updateWarnings(update.warnings);
  for (const event of update.events) addLine(event);
}

function updateCounts(counts: Counts): void {
  const texts: Record<string, string> = {
    received: integer.format(counts.received),
    deposited: total(counts.deposited_g),
    refused: integer.format(counts.refused),
    online: `${counts.online} / ${counts.devices}`,
    late: integer.format(counts.late),
    alarms: integer.format(counts.alarms),
  };
  for (const [name, text] of Object.entries(texts)) {
    const value = document.querySelector(`[data-count="${name}"] dd`);
    if (value && value.textContent !== text) value.textContent = text;
  }
  for (const name of ["refused", "late", "alarms"] as const) {
    document.querySelector(`[data-count="${name}"]`)?.classList.toggle("on", counts[name] > 0);
  }
}

function updateWarnings(warnings: Update["warnings"]): void {
  const list = document.getElementById("warnings");
  if (!list) return;
  const shown = [...list.children].map((line) => line.textContent?.trim());
  if (shown.join("\n") === warnings.map((warning) => warning.text).join("\n")) return;
  list.replaceChildren(
    ...warnings.map((warning) => {
      const line = document.createElement("li");
      line.dataset["level"] = String(warning.level);
      const link = document.createElement("a");
      link.href = "/gateway";
      link.textContent = warning.text;
      line.append(link);
      return line;
    }),
  );
}

function addLine(event: EventView): void {
  const ticker = document.getElementById("ticker");
  if (!ticker || (event.key && seen.has(event.key))) return;
  if (event.key) seen.add(event.key);
  if (seen.size > 2_000) seen.clear();
  const line = document.createElement("li");
  line.dataset["outcome"] = event.outcome;
  line.dataset["kind"] = event.kind;
  const link = document.createElement("a");
  link.href = event.outcome === "quarantined" ? "/refused" : `/devices/${encodeURIComponent(event.device)}`;
  link.textContent = event.name || "–";
  const kind = document.createElement("span");
  kind.className = "kind";
  kind.textContent = event.outcome === "quarantined" ? known("outcome", event.outcome) : (event.kind_text ?? event.kind);
  const text = document.createElement("span");
  text.className = "text";
  text.textContent = event.text;
  const time = document.createElement("x-time");
  time.setAttribute("ms", String(event.t ?? event.received_ms));
  const head = document.createElement("span");
  const body = document.createElement("span");
  body.append(kind, text);
  if (event.late) {
    const late = document.createElement("span");
    late.className = "late";
    late.textContent = t("js.backlog");
    body.append(late);
  }
  head.append(link, time);
  line.append(head, body);
  ticker.prepend(line);
  while (ticker.children.length > TICKER_LINES) ticker.lastElementChild?.remove();
  const none = document.getElementById("ticker-none");
  if (none) none.hidden = true;
}
