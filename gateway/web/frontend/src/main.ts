// What every page loads. Maps and charts are big: they are fetched only by pages that have one.
import "./style.css";
import "htmx.org";
import "./time";
import { updateCity } from "./city";
import { selectRow, startList, updateList } from "./list";
import { connect, onUpdate } from "./live";

declare global {
  interface Window {
    htmx: { trigger(element: Element | string, event: string): void; ajax(method: string, path: string, target: string): unknown };
  }
}

const REFRESH_MS = 2_000; // a device's page is fetched anew at most this often
const card = document.getElementById("card");

function select(id: string | null, reveal: boolean): void {
  selectRow(id, reveal);
  if (card) card.hidden = id === null;
  document.dispatchEvent(new CustomEvent("select-device", { detail: id }));
}

if (document.body.classList.contains("city")) {
  startList((id) => select(id, false));
  onUpdate(updateList);
  onUpdate(updateCity);
  document.addEventListener("pick-device", (event) => {
    const id = (event as CustomEvent<string>).detail;
    void window.htmx.ajax("GET", `/devices/${encodeURIComponent(id)}/card`, "#card");
    select(id, true);
  });
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-close=card]")) select(null, false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && card && !card.hidden) select(null, false);
    if (event.key === "/" && !(event.target as Element).closest("input, textarea, select")) {
      event.preventDefault();
      document.getElementById("search")?.focus();
    }
  });
}

const now = document.getElementById("now");
if (now) {
  let due = 0;
  onUpdate((update) => {
    const touched = update.devices.some((device) => device.id === now.dataset["device"]);
    if (!touched || due || document.hidden) return;
    due = window.setTimeout(() => {
      due = 0;
      window.htmx.trigger(now, "refresh");
    }, REFRESH_MS);
  });
}

if (matchMedia("(min-width: 1000px)").matches) document.querySelector("details.legend")?.setAttribute("open", "");
if (document.querySelector("x-map")) void import("./map");
if (document.querySelector("x-chart")) void import("./chart");
if (document.body.dataset["live"]) connect(document.body.dataset["live"]);
