// The device list: the accessible equal of the map. Rows are made by the server; here they are kept fresh and filtered.
import type { DeviceView, Update } from "./live";
import { known } from "./words";

const rows = new Map<string, HTMLLIElement>();
const list = document.getElementById("devices");
const search = document.getElementById("search") as HTMLInputElement | null;

export function startList(onSelect: (id: string) => void): void {
  list?.querySelectorAll<HTMLLIElement>("li").forEach((row) => rows.set(row.dataset["id"] ?? "", row));
  search?.addEventListener("input", filter);
  document.querySelectorAll<HTMLInputElement>("input[name=filter]").forEach((chip) => chip.addEventListener("change", filter));
  list?.addEventListener("click", (event) => {
    const row = (event.target as Element).closest("li");
    if (row?.dataset["id"]) onSelect(row.dataset["id"]);
  });
  filter();
}

export function updateList(update: Update): void {
  let refilter = false;
  for (const device of update.devices) refilter = updateRow(device) || refilter;
  if (refilter) filter();
}

/** Mark a row as the selected one, and bring it into view when it was selected elsewhere. */
export function selectRow(id: string | null, reveal: boolean): void {
  list?.querySelector("li[aria-current]")?.removeAttribute("aria-current");
  const row = id === null ? undefined : rows.get(id);
  row?.setAttribute("aria-current", "true");
  if (reveal) row?.scrollIntoView({ block: "nearest" });
}

function updateRow(device: DeviceView): boolean {
  const row = rows.get(device.id);
  if (!row) return false;
  const before = row.dataset["level"];
  row.dataset["level"] = String(device.level);
  row.dataset["status"] = device.status;
  setText(row, ".status", known("status", device.status));
  setText(row, ".why", device.why);
  setText(row, ".fill", device.fill_pct === null ? "" : `${device.fill_pct} %`);
  row.querySelector<HTMLElement>(".fill")!.dataset["fill"] = device.fill_pct === null ? "" : String(device.fill_pct);
  const state = row.querySelector(".state")!;
  let age = state.querySelector("x-time");
  if (device.heard_ms && !age) {
    age = document.createElement("x-time");
    age.setAttribute("short", "");
    state.append(" ", age);
  }
  if (device.heard_ms) age?.setAttribute("ms", String(device.heard_ms));
  return before !== row.dataset["level"];
}

function setText(row: Element, selector: string, text: string): void {
  const element = row.querySelector(selector)!;
  if (element.textContent !== text) element.textContent = text;
}

function filter(): void {
  const words = (search?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = document.querySelector<HTMLInputElement>("input[name=filter]:checked")?.value ?? "all";
  let number = 0;
  for (const row of rows.values()) {
    const fits = chosen === "all" || (chosen === "attention" ? row.dataset["level"] !== "0" : row.dataset["unit"] === chosen);
    const found = fits && words.every((word) => row.dataset["words"]?.includes(word));
    row.hidden = !found;
    if (found) number++;
  }
  const shown = document.getElementById("shown");
  if (shown) shown.textContent = String(number);
  const none = document.getElementById("no-match");
  if (none) none.hidden = number > 0 || rows.size === 0;
}
