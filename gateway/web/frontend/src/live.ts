// The page's one connection for live updates. It comes back by itself and always begins with everything.
import { absolute, serverNow, setServerNow } from "./time";
import { t } from "./words";

export interface DeviceView {
  id: string;
  unit: "bin" | "truck" | "station";
  name: string;
  site: string;
  lat: number | null;
  lon: number | null;
  status: string;
  level: 0 | 1 | 2;
  why: string;
  heard_ms: number;
  fill_pct: number | null;
  mass_g: number | null;
  deposits: number;
  deposits_g: number;
  at_ms?: number;
  course_deg?: number;
  speed_kmh?: number;
}

export interface EventView {
  device: string;
  name: string;
  received_ms: number;
  outcome: string;
  kind: string;
  kind_text?: string;
  text: string;
  t: number | null;
  late: boolean;
  key?: string;
}

export interface Counts {
  received: number;
  deposited_g: number;
  refused: number;
  online: number;
  late: number;
  alarms: number;
  devices: number;
}

export interface Update {
  now_ms: number;
  whole: boolean;
  devices: DeviceView[];
  events: EventView[];
  counts: Counts;
  warnings: { level: number; text: string }[];
}

type Listener = (update: Update) => void;

const SILENCE_MS = 25_000; // the gateway speaks at least every 10 s
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

const listeners: Listener[] = [];
const devices = new Map<string, DeviceView>();
let known: Update | null = null; // so that who listens late is not left without
let lastWord = 0;
let tries = 0;

export function onUpdate(listener: Listener): void {
  listeners.push(listener);
  if (known) listener({ ...known, whole: true, devices: [...devices.values()], events: [] });
}

export function connect(path: string): void {
  const address = new URL(path, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  let watch = 0;
  const watchSilence = () => {
    clearTimeout(watch);
    watch = window.setTimeout(() => socket.close(), SILENCE_MS);
  };
  watchSilence();
  socket.onmessage = (event: MessageEvent<string>) => {
    watchSilence();
    take(JSON.parse(event.data) as Update);
  };
  socket.onclose = () => {
    clearTimeout(watch);
    show("lost", t("js.reconnecting", { time: absolute(lastWord || serverNow()) }));
    const pause = RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]!;
    setTimeout(() => void reconnect(path), pause);
  };
}

// A refused WebSocket does not say why: a session that has ended shows in an ordinary request.
async function reconnect(path: string): Promise<void> {
  try {
    const answer = await fetch("/api/openapi.json", { method: "HEAD", signal: AbortSignal.timeout(5_000) });
    if (answer.status === 401) {
      location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
      return;
    }
  } catch {
    // not reachable yet: the WebSocket will find out too
  }
  connect(path);
}

function take(update: Update): void {
  tries = 0;
  lastWord = Date.now();
  setServerNow(update.now_ms);
  show("live", t("js.live"));
  if (update.whole) devices.clear();
  for (const device of update.devices) devices.set(device.id, device);
  known = update;
  for (const listener of listeners) listener(update);
}

function show(state: string, text: string): void {
  const contact = document.getElementById("contact");
  if (!contact || (contact.dataset["state"] === state && contact.textContent === text)) return;
  contact.dataset["state"] = state;
  contact.textContent = text;
}
