// The base map: streets, blocks, water and fences from the configuration's GeoJSON. No tile server, no outside address.
import L from "leaflet";
import type { Theme } from "./theme";
import { lang } from "./words";

type Properties = Record<string, string | undefined>;

const STREET_WIDTH: Record<string, number> = { arterial: 16, secondary: 11, residential: 7, lane: 3 }; // metres, roughly: drawn to scale;

const BLOCK_COLOUR: Record<string, string> = { park: "map-park", bank: "map-park", school: "map-school", industrial: "map-industry", plaza: "map-plaza" };

export interface BaseMap {
  bounds: L.LatLngBounds;
  restyle(theme: Theme): void;
}

/** Draw the base map below everything else, and fences in a pane of their own above the devices. */
export async function addBaseMap(map: L.Map, address: string, theme: Theme): Promise<BaseMap> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const data = (await answer.json()) as GeoJSON.FeatureCollection;
  const base = map.createPane("base");
  base.style.zIndex = "210";
  base.style.pointerEvents = "none";
  const fences = map.createPane("fences"); // above the devices' canvas, or their dots would hide it
  fences.style.zIndex = "450";
  fences.style.pointerEvents = "none";
  const renderer = L.canvas({ pane: "base", padding: 0.5 });
  const fenceRenderer = L.svg({ pane: "fences" });
  let colour = theme;
  const kindOf = (feature?: GeoJSON.Feature) => (feature?.properties as Properties | null)?.["kind"] ?? "";
  const order = ["district", "park", "water", "block", "building", "street", ""];
  const drawn = data.features
    .filter((f) => kindOf(f) !== "fence" && f.geometry.type !== "Point")
    .sort((a, b) => rank(order, kindOf(a)) - rank(order, kindOf(b)));
  const options = { pane: "base", renderer, interactive: false } as L.GeoJSONOptions;
  const areas = L.geoJSON({ type: "FeatureCollection", features: drawn } as GeoJSON.FeatureCollection, {
    ...options,
    style: (feature) => areaStyle(feature?.properties as Properties, colour, map.getZoom()),
  }).addTo(map);
  const rings = L.geoJSON(
    { type: "FeatureCollection", features: data.features.filter((f) => kindOf(f) === "fence") } as GeoJSON.FeatureCollection,
    { pane: "fences", renderer: fenceRenderer, interactive: false, style: (f) => fenceStyle(f?.properties as Properties, colour) } as L.GeoJSONOptions,
  ).addTo(map);
  const district = data.features.filter((f) => kindOf(f) === "district");
  const names = addNames(map, data);
  const restyle = () => {
    areas.setStyle((feature) => areaStyle(feature?.properties as Properties, colour, map.getZoom()));
    rings.setStyle((feature) => fenceStyle(feature?.properties as Properties, colour));
    names.getPane()!.classList.toggle("shown", map.getZoom() >= 13);
  };
  map.on("zoomend", restyle);
  restyle();
  return {
    bounds: (district.length ? L.geoJSON({ type: "FeatureCollection", features: district } as GeoJSON.FeatureCollection) : areas).getBounds(),
    restyle: (next) => {
      colour = next;
      restyle();
    },
  };
}

function rank(order: string[], kind: string): number {
  const at = order.indexOf(kind);
  return at < 0 ? order.length : at;
}

function areaStyle(properties: Properties | null, colour: Theme, zoom: number): L.PathOptions {
  const kind = properties?.["kind"] ?? "";
  switch (kind) {
    case "district":
      return { stroke: true, color: colour("map-border"), weight: 2, dashArray: "2 6", fillColor: colour("map-land"), fillOpacity: 1 };
    case "water":
      return { stroke: false, fillColor: colour("map-water"), fillOpacity: 1 };
    case "park":
      return { stroke: false, fillColor: colour("map-park"), fillOpacity: 1 };
    case "block":
      return { stroke: false, fillColor: colour(BLOCK_COLOUR[properties?.["use"] ?? ""] ?? "map-block"), fillOpacity: 1 };
    case "building":
      return { stroke: false, fillColor: colour("map-building"), fillOpacity: zoom >= 14 ? 1 : 0 };
    case "street": {
      const width = STREET_WIDTH[properties?.["class"] ?? ""] ?? 7;
      return { color: colour("map-street"), weight: Math.max(0.6, (width / 1.85) * 2 ** (zoom - 16)), lineCap: "round", fill: false };
    }
    default:
      return { stroke: false, fillColor: colour("map-block"), fillOpacity: 0.5 };
  }
}

function fenceStyle(properties: Properties | null, colour: Theme): L.PathOptions {
  const never = properties?.["door"] === "never-inside";
  return {
    color: colour(never ? "map-fence-never" : "map-fence"),
    weight: 2,
    dashArray: never ? "2 5" : "8 5",
    fillOpacity: properties?.["door"] ? 0.08 : 0,
    fillColor: colour(never ? "map-fence-never" : "map-fence"),
  };
}

/** Names of water and facilities as labels; text is set as text, never as HTML. */
function addNames(map: L.Map, data: GeoJSON.FeatureCollection): L.LayerGroup & { getPane(): HTMLElement | undefined } {
  const pane = map.createPane("names");
  pane.style.zIndex = "460";
  pane.style.pointerEvents = "none";
  const group = L.layerGroup().addTo(map);
  for (const feature of data.features) {
    const properties = feature.properties as Properties | null;
    const name = lang === "zh-CN" ? properties?.["name_zh"] : properties?.["name_en"];
    if (!name || !["water", "facility", "park"].includes(properties?.["kind"] ?? "")) continue;
    const label = document.createElement("span");
    label.textContent = name;
    const icon = L.divIcon({ className: `map-name ${properties?.["kind"]}`, html: label, iconSize: undefined });
    L.marker(L.geoJSON(feature).getBounds().getCenter(), { icon, pane: "names", interactive: false, keyboard: false }).addTo(group);
  }
  return Object.assign(group, { getPane: () => pane });
}
