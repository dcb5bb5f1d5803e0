// <x-map src="…">: the city; with `track="<device>"`: one device and where it has been.
import L from "leaflet";
import "leaflet/dist/leaflet.css";
import { addBaseMap } from "./basemap";
import { type DeviceView, onUpdate } from "./live";
import { DeviceMarker } from "./marker";
import { onThemeChange, theme } from "./theme";
import { t } from "./words";

interface Point {
  t_ms: number;
  record: { lat_e7: number; lon_e7: number };
}

const TRACK_GAP_MS = 120_000;

class MapElement extends HTMLElement {
  #markers = new Map<string, DeviceMarker>();
  #colour = theme();
  #map!: L.Map;
  #renderer!: L.Canvas;
  #selected: string | null = null;
  #fitted = false;

  connectedCallback(): void {
    this.#map = L.map(this, { attributionControl: false, zoomControl: false, zoomSnap: 0.1, zoomDelta: 1, minZoom: 3, maxZoom: 19 });
    L.control.zoom({ position: "topright", zoomInTitle: t("js.zoom-in"), zoomOutTitle: t("js.zoom-out") }).addTo(this.#map);
    this.#map.setView([0, 0], 3);
    this.#renderer = L.canvas({ padding: 0.3, tolerance: 6 }).addTo(this.#map);
    this.#map.on("zoomend", () => this.#markers.forEach((marker) => marker.resize(this.#map.getZoom())));
    document.addEventListener("select-device", (event) => this.#select((event as CustomEvent<string | null>).detail));
    void this.#start();
  }

  async #start(): Promise<void> {
    const track = this.getAttribute("track");
    try {
      const base = await addBaseMap(this.#map, this.getAttribute("src") ?? "/map.geojson", this.#colour);
      onThemeChange(() => {
        this.#colour = theme();
        base.restyle(this.#colour);
        this.#markers.forEach((marker) => marker.redraw());
      });
      if (!track && base.bounds.isValid()) this.#fit(base.bounds);
    } catch (error) {
      console.warn("base map", error); // devices are shown all the same
    }
    if (track) await this.#track(track);
    onUpdate((update) => {
      if (update.whole) this.#forget(new Set(update.devices.map((device) => device.id)));
      const wanted = track ? update.devices.filter((device) => device.id === track) : update.devices;
      wanted.forEach((device) => this.#show(device));
      this.#order(wanted);
      if (!this.#fitted && this.#markers.size) {
        this.#fit(L.latLngBounds([...this.#markers.values()].map((marker) => marker.getLatLng())));
      }
    });
    this.dataset["ready"] = "true";
  }

  #fit(bounds: L.LatLngBounds): void {
    this.#map.fitBounds(bounds, { padding: [16, 16], animate: false, maxZoom: 16 });
    this.#fitted = true;
  }

  #show(device: DeviceView): void {
    if (device.lat === null || device.lon === null) return;
    let marker = this.#markers.get(device.id);
    if (marker) {
      marker.show(device);
    } else {
      marker = new DeviceMarker(device, this.#renderer, () => this.#colour);
      marker.bindTooltip(() => label(marker!.device), { direction: "top", offset: [0, -8], opacity: 1 });
      marker.on("click", () => document.dispatchEvent(new CustomEvent("pick-device", { detail: device.id })));
      marker.addTo(this.#map);
      this.#markers.set(device.id, marker);
      this.dataset["markers"] = String(this.#markers.size);
    }
    marker.resize(this.#map.getZoom());
    if (device.unit === "truck") this.dataset["moved"] = `${device.id} ${device.lat} ${device.lon}`;
  }

  /** Trucks over bins, alarms over all, so that what matters is never hidden. */
  #order(devices: DeviceView[]): void {
    const above = devices.filter((device) => device.level > 0 || device.unit === "truck");
    above.sort((a, b) => a.level - b.level);
    above.forEach((device) => this.#markers.get(device.id)?.bringToFront());
  }

  #forget(kept: Set<string>): void {
    for (const [id, marker] of this.#markers) {
      if (!kept.has(id)) {
        marker.remove();
        this.#markers.delete(id);
      }
    }
  }

  #select(id: string | null): void {
    for (const name of [this.#selected, id]) {
      const marker = name === null ? undefined : this.#markers.get(name);
      if (!marker) continue;
      marker.selected = name === id;
      marker.redraw();
      if (name === id) {
        marker.bringToFront();
        const wide = this.clientWidth > 640; // else the card covers nearly all of the width: keep below it
        this.#map.panInside(marker.getLatLng(), { paddingTopLeft: wide ? [340, 60] : [40, 40], paddingBottomRight: [60, 60] });
      }
    }
    this.#selected = id;
  }

  async #track(id: string): Promise<void> {
    const answer = await fetch(`/api/devices/${encodeURIComponent(id)}/series?kind=position&hours=24`);
    if (!answer.ok) return;
    const { points } = (await answer.json()) as { points: Point[] };
    const parts: [number, number][][] = [];
    points.forEach((point, index) => {
      const before = points[index - 1];
      if (!before || point.t_ms - before.t_ms > TRACK_GAP_MS) parts.push([]); // nothing is known of the way between
      parts.at(-1)!.push([point.record.lat_e7 / 1e7, point.record.lon_e7 / 1e7]);
    });
    const line = L.polyline(parts, { renderer: this.#renderer, interactive: false, color: this.#colour("truck"), weight: 3, opacity: 0.8 });
    line.addTo(this.#map);
    onThemeChange(() => line.setStyle({ color: theme()("truck") }));
    if (points.length) this.#fit(line.getBounds());
  }
}

/** The tooltip, made of text nodes: names come from a file and must not be read as HTML. */
function label(device: DeviceView): HTMLElement {
  const box = document.createElement("div");
  const name = document.createElement("b");
  name.textContent = device.name;
  const rest = [
    device.id,
    device.fill_pct === null ? "" : `${device.fill_pct} %`,
    device.speed_kmh === undefined ? "" : `${Math.round(device.speed_kmh)} km/h`,
    device.why,
  ];
  box.append(name, document.createElement("br"), rest.filter(Boolean).join(" · "));
  return box;
}

customElements.define("x-map", MapElement);
