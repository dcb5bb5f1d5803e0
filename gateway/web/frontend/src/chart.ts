// <x-chart device metric>: one quantity of one device over the recent days, with time in the viewer's zone.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { onUpdate } from "./live";
import { onThemeChange, theme } from "./theme";
import { absolute } from "./time";
import { kilograms, known, lang, t } from "./words";

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

interface Point {
  t_ms: number;
  record: Record<string, number | string | undefined>;
}

interface Series {
  name: string;
  data: [number, number][];
}

interface Metric {
  title: string;
  kind: string;
  hours: number;
  type: "line" | "bar";
  unit: string;
  range?: [number, number];
  value: (record: Point["record"]) => number | undefined;
}

const number = (name: string, scale: number) => (record: Point["record"]) => {
  const value = record[name];
  return typeof value === "number" ? value * scale : undefined;
};
const reading = (name: string, unit: string, scale: number, range?: [number, number]): Metric => ({
  title: t(`metric.${name}`), kind: "reading", hours: 168, type: "line", unit, range, value: number(name, scale),
});

const METRICS: Record<string, Metric> = {
  fill_pct: reading("fill_pct", "%", 1, [0, 100]),
  mass_g: reading("mass_g", "kg", 1e-3),
  battery_mv: reading("battery_mv", "V", 1e-3),
  temp_dc: reading("temp_dc", "°C", 0.1),
  solar_mw: reading("solar_mw", "W", 1e-3),
  deposits: { title: t("js.deposits"), kind: "deposit", hours: 168, type: "bar", unit: "kg", value: number("net_g", 1e-3) },
  weighs: { title: t("js.weighings"), kind: "weigh", hours: 168, type: "bar", unit: "kg", value: number("net_g", 1e-3) },
  speed: { title: t("js.speed"), kind: "position", hours: 12, type: "line", unit: t("js.kmh"), value: number("speed_cmps", 0.036) },
};

const GAP_MS = 3 * 3_600_000; // a line is broken where nothing was reported for longer than this
const REFRESH_MS = 30_000;

class ChartElement extends HTMLElement {
  #chart: echarts.ECharts | null = null;
  #note = document.createElement("p");
  #points: Point[] = [];
  #since = 0;
  #loaded = 0;

  connectedCallback(): void {
    const metric = METRICS[this.getAttribute("metric") ?? ""];
    if (!metric) return;
    const title = document.createElement("h3");
    title.textContent = `${metric.title} (${metric.unit})`;
    const canvas = document.createElement("div");
    canvas.className = "canvas";
    canvas.setAttribute("role", "img");
    this.#note.className = "empty";
    this.#note.hidden = true;
    this.append(title, canvas, this.#note);
    this.#chart = echarts.init(canvas, null, { renderer: "canvas" });
    new ResizeObserver(() => this.#chart?.resize()).observe(canvas);
    onThemeChange(() => this.#draw(metric));
    void this.#load(metric);
    onUpdate((update) => {
      const touched = update.devices.some((device) => device.id === this.getAttribute("device"));
      if (touched && this.#loaded && Date.now() - this.#loaded > REFRESH_MS) void this.#load(metric);
    });
  }

  async #load(metric: Metric): Promise<void> {
    this.#loaded = Date.now();
    const query = new URLSearchParams({ kind: metric.kind, hours: String(this.#hours(metric)) });
    try {
      const path = `/api/devices/${encodeURIComponent(this.getAttribute("device") ?? "")}/series?${query}`;
      const answer = await shared(path);
      this.#points = answer.points;
      this.#since = answer.since_ms;
      this.#draw(metric);
    } catch (error) {
      console.warn("chart", error);
      this.#say(t("js.chart-failed"));
    }
  }

  #draw(metric: Metric): void {
    const series = byBay(this.#points, metric);
    this.#say(series.some((one) => one.data.length) ? "" : t("js.no-data"));
    const colour = theme();
    const palette = ["chart-1", "chart-2", "chart-3", "chart-4"].map(colour);
    const text = { color: colour("muted"), fontSize: 11, fontFamily: "inherit" };
    const show = (value: number) => (metric.unit === "kg" ? kilograms(value * 1000) : `${Math.round(value * 100) / 100} ${metric.unit}`);
    this.#chart?.setOption(
      {
        animation: false,
        color: palette,
        grid: { left: 8, right: 12, top: series.length > 1 ? 26 : 12, bottom: 4, containLabel: true },
        legend: { show: series.length > 1, top: 0, left: 0, itemWidth: 12, itemHeight: 8, textStyle: text, selectedMode: false },
        tooltip: {
          trigger: "axis",
          renderMode: "richText", // the HTML one would break the Content-Security-Policy
          confine: true,
          backgroundColor: colour("panel"),
          borderColor: colour("line"),
          textStyle: { color: colour("text"), fontSize: 12 },
          formatter: (items: { value: [number, number]; seriesName: string }[]) =>
            [absolute(items[0]!.value[0]), ...items.map((item) => `${item.seriesName} ${show(item.value[1])}`.trim())].join("\n"),
        },
        xAxis: {
          type: "time",
          min: this.#since,
          max: Date.now(),
          axisLabel: { ...text, hideOverlap: true, formatter: (ms: number) => axisTime(ms, this.#hours(metric)) },
          axisLine: { lineStyle: { color: colour("line") } },
          splitNumber: 4,
        },
        yAxis: {
          type: "value",
          min: metric.range?.[0],
          max: metric.range?.[1],
          scale: metric.type === "line",
          axisLabel: text,
          interval: metric.range ? (metric.range[1] - metric.range[0]) / 4 : undefined,
          splitLine: { lineStyle: { color: colour("line") } },
          splitNumber: 3,
        },
        series: series.map((one) => ({
          ...one,
          type: metric.type,
          showSymbol: false,
          lineStyle: { width: 1.75 },
          barWidth: 3,
          barMinHeight: 1,
          sampling: metric.type === "line" ? "lttb" : undefined,
        })),
      },
      { notMerge: true },
    );
  }

  /** How far back: as the page asks, else as is usual for the metric. */
  #hours(metric: Metric): number {
    return Number(this.getAttribute("hours") ?? metric.hours);
  }

  #say(text: string): void {
    this.#note.textContent = text;
    this.#note.hidden = text === "";
  }
}

const pending = new Map<string, Promise<{ since_ms: number; points: Point[] }>>();

/** Several charts of a page draw from one answer: ask once. */
function shared(path: string): Promise<{ since_ms: number; points: Point[] }> {
  let answer = pending.get(path);
  if (!answer) {
    answer = fetch(path, { signal: AbortSignal.timeout(20_000) }).then((response) => {
      if (!response.ok) throw new Error(`${path}: ${response.status}`);
      return response.json();
    });
    pending.set(path, answer);
    setTimeout(() => pending.delete(path), 5_000);
  }
  return answer;
}

function byBay(points: Point[], metric: Metric): Series[] {
  const found = new Map<string, Series>();
  for (const point of points) {
    const value = metric.value(point.record);
    if (value === undefined) continue;
    const bay = point.record["bay"];
    const name = [bay === undefined ? "" : `#${bay}`, typeof point.record["category"] === "string" ? known("category", point.record["category"]) : ""];
    const key = String(bay ?? "");
    let series = found.get(key);
    if (!series) found.set(key, (series = { name: name.filter(Boolean).join(" "), data: [] }));
    const last = series.data.at(-1);
    if (metric.type === "line" && last && point.t_ms - last[0] > GAP_MS) series.data.push([last[0] + 1, NaN]);
    series.data.push([point.t_ms, value]);
  }
  return [...found.values()];
}

const day = new Intl.DateTimeFormat(lang, { month: "numeric", day: "numeric" });
const minute = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hour12: false });

function axisTime(ms: number, hours: number): string {
  return hours > 48 ? day.format(ms) : minute.format(ms);
}

customElements.define("x-chart", ChartElement);
