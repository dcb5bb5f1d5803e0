// A device on the map's canvas: the unit by its shape, fill by a level inside, trouble by colour, size and a badge.
import L from "leaflet";
import type { DeviceView } from "./live";
import type { Theme } from "./theme";

const MOVE_MS = 1_000; // a truck glides to its next position in this time
const still = matchMedia("(prefers-reduced-motion: reduce)");

interface CanvasParts {
  _drawing: boolean;
  _ctx: CanvasRenderingContext2D;
}

interface PathParts {
  _renderer: CanvasParts;
  _point: L.Point;
  _empty(): boolean;
}

export class DeviceMarker extends L.CircleMarker {
  device: DeviceView;
  selected = false;
  #colour: () => Theme;

  constructor(device: DeviceView, renderer: L.Renderer, colour: () => Theme) {
    super([device.lat!, device.lon!], { radius: 9, renderer, bubblingMouseEvents: false });
    this.device = device;
    this.#colour = colour;
  }

  /** Show the newest state; a truck glides to where it is now. */
  show(device: DeviceView): void {
    this.device = device;
    const goal = L.latLng(device.lat!, device.lon!);
    if (goal.equals(this.getLatLng())) this.redraw();
    else if (still.matches || document.hidden || device.unit !== "truck") this.setLatLng(goal);
    else glide(this, goal);
  }

  resize(zoom: number): void {
    const size = Math.min(13, Math.max(5, 5 + (zoom - 12) * 2));
    this.setRadius(size + (this.device.level > 0 ? 3 : 0) + (this.device.unit === "truck" ? 2 : 0));
  }

  // Called by Leaflet's canvas renderer (Canvas._updateCircle is what it replaces).
  _updatePath(): void {
    const path = this as unknown as PathParts;
    if (!path._renderer._drawing || path._empty()) return;
    const ctx = path._renderer._ctx;
    ctx.save();
    ctx.translate(path._point.x, path._point.y);
    draw(ctx, this.device, this.getRadius() - 1, this.#colour(), this.selected);
    ctx.restore();
  }
}

function draw(ctx: CanvasRenderingContext2D, device: DeviceView, r: number, colour: Theme, selected: boolean): void {
  const away = device.status === "late" || device.status === "offline" || device.status === "never";
  const line = ["normal", "warn", "alarm"][device.level]!;
  if (selected) {
    ctx.beginPath();
    ctx.arc(0, 0, r + 5, 0, 2 * Math.PI);
    ctx.strokeStyle = colour("focus");
    ctx.lineWidth = 3;
    ctx.stroke();
  }
  ctx.lineWidth = device.level ? 2.5 : 1.5;
  ctx.lineJoin = "round";
  ctx.strokeStyle = colour(`sign-${line}`);
  ctx.setLineDash(away ? [3, 2.5] : []);
  ctx.fillStyle = colour("sign-body");
  if (device.unit === "truck") truck(ctx, device, r, colour);
  else if (device.unit === "station") station(ctx, r, colour);
  else bin(ctx, device, r, colour);
  ctx.setLineDash([]);
  if (device.level === 2) badge(ctx, r, colour("sign-alarm"), colour("sign-alarm-text"), true);
  else if (device.level === 1) badge(ctx, r, colour("sign-warn"), colour("sign-warn-text"), false);
}

function bin(ctx: CanvasRenderingContext2D, device: DeviceView, r: number, colour: Theme): void {
  const side = r * 0.85;
  ctx.beginPath();
  ctx.roundRect(-side, -side, 2 * side, 2 * side, side * 0.35);
  ctx.fill();
  if (device.fill_pct !== null) {
    ctx.save();
    ctx.clip();
    const height = (2 * side * Math.min(100, Math.max(0, device.fill_pct))) / 100;
    ctx.fillStyle = colour(device.fill_pct >= 90 ? "fill-full" : "fill");
    ctx.fillRect(-side, side - height, 2 * side, height);
    ctx.restore();
  }
  ctx.stroke();
}

function truck(ctx: CanvasRenderingContext2D, device: DeviceView, r: number, colour: Theme): void {
  ctx.save();
  ctx.fillStyle = colour(device.status === "online" ? "truck" : "sign-body");
  ctx.strokeStyle = device.level ? ctx.strokeStyle : colour("truck-line");
  ctx.beginPath();
  if (device.course_deg === undefined) {
    ctx.arc(0, 0, r * 0.7, 0, 2 * Math.PI);
  } else {
    ctx.rotate((device.course_deg * Math.PI) / 180);
    ctx.moveTo(0, -r);
    ctx.lineTo(r * 0.75, r * 0.85);
    ctx.lineTo(0, r * 0.45);
    ctx.lineTo(-r * 0.75, r * 0.85);
  }
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
  ctx.restore();
}

function station(ctx: CanvasRenderingContext2D, r: number, colour: Theme): void {
  ctx.fillStyle = colour("station");
  ctx.beginPath();
  for (let corner = 0; corner < 6; corner++) {
    const angle = (Math.PI / 3) * corner + Math.PI / 6;
    ctx.lineTo(r * Math.cos(angle), r * Math.sin(angle));
  }
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}

/** A triangle with "!" (act now) or a diamond (plan for it), at the upper right. */
function badge(ctx: CanvasRenderingContext2D, r: number, body: string, text: string, alarm: boolean): void {
  const size = alarm ? Math.max(8, r * 0.85) : Math.max(5, r * 0.5);
  ctx.translate(r * 0.8, -r * 0.8);
  ctx.beginPath();
  if (alarm) {
    ctx.moveTo(0, -size);
    ctx.lineTo(size * 0.95, size * 0.7);
    ctx.lineTo(-size * 0.95, size * 0.7);
  } else {
    ctx.moveTo(0, -size);
    ctx.lineTo(size, 0);
    ctx.lineTo(0, size);
    ctx.lineTo(-size, 0);
  }
  ctx.closePath();
  ctx.fillStyle = body;
  ctx.strokeStyle = text;
  ctx.lineWidth = 1.5;
  ctx.fill();
  ctx.stroke();
  if (alarm) {
    ctx.fillStyle = text;
    ctx.fillRect(-size * 0.1, -size * 0.45, size * 0.2, size * 0.6);
    ctx.fillRect(-size * 0.1, size * 0.28, size * 0.2, size * 0.2);
  }
}

const gliding = new Map<DeviceMarker, { from: L.LatLng; to: L.LatLng; start: number }>();

function glide(marker: DeviceMarker, to: L.LatLng): void {
  const idle = gliding.size === 0;
  gliding.set(marker, { from: marker.getLatLng(), to, start: performance.now() });
  if (idle) requestAnimationFrame(step);
}

function step(now: number): void {
  for (const [marker, { from, to, start }] of gliding) {
    const part = Math.min(1, Math.max(0, (now - start) / MOVE_MS));
    marker.setLatLng([from.lat + (to.lat - from.lat) * part, from.lng + (to.lng - from.lng) * part]);
    if (part === 1) gliding.delete(marker);
  }
  if (gliding.size) requestAnimationFrame(step);
}
