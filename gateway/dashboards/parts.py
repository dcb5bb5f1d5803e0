"""What dashboards are made of: panels of our kinds, two data sources, two languages."""

from collections.abc import Callable
from typing import Any, Literal

from grafana_foundation_sdk.builders import bargauge, dashboard, geomap, stat, table, timeseries
from grafana_foundation_sdk.builders.common import (
    FrameGeometrySource,
    MapLayerOptions,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    FrameGeometrySourceMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DataTransformerConfig

Language = Literal["en", "zh-CN"]
Words = Callable[[str, str], str]
FLUX = DataSourceRef(type_val="influxdb", uid="${influxdb}")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
Panel = timeseries.Panel | stat.Panel | table.Panel | bargauge.Panel | geomap.Panel


def words(language: Language) -> Words:
    """Chooses between English and Chinese."""
    return (lambda en, _: en) if language == "en" else (lambda _, zh: zh)


class _FluxQuery(Dataquery):
    """A Flux query as Grafana's InfluxDB data source keeps it; the SDK has no type for it."""

    def __init__(self, flux: str) -> None:
        self.flux = flux

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": {"type": FLUX.type_val, "uid": FLUX.uid},
            "query": self.flux,
            "refId": "A",
        }


class _Flux(Builder[Dataquery]):
    def __init__(self, flux: str) -> None:
        self._flux = flux

    def build(self) -> Dataquery:
        return _FluxQuery(self._flux)


def flux(measurement: str, field: str, *steps: str, start: str = "v.timeRangeStart", where: str = "") -> str:
    """A Flux query of one field of one measurement ("": of all), then so many steps."""
    kind = f'r._measurement == "{measurement}" and ' if measurement else ""
    lines = [
        'from(bucket: "${bucket}")',
        f"range(start: {start}, stop: v.timeRangeStop)",
        f'filter(fn: (r) => {kind}r._field == "{field}"{where})',
        *steps,
    ]
    return "\n  |> ".join(lines)


def daily(query: str) -> str:
    """Days are those of the place."""
    zone = 'import "timezone"\n\noption location = timezone.location(name: "${timezone}")\n\n'
    return zone + query


def numbers(title: str, query: str, unit: str, *, description: str = "") -> stat.Panel:
    """One number, large."""
    panel = stat.Panel().title(title).description(description).datasource(FLUX).unit(unit)
    last = ReduceDataOptions().calcs(["lastNotNull"])
    return panel.reduce_options(last).with_target(_Flux(query)).span(4).height(4)


def rows(
    title: str, query: str, columns: dict[str, str], unit: str = "none", *, span: int = 8
) -> table.Panel:
    """A table. `columns`: names in the query and on the screen, in their order; others are not shown."""
    organize = {
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": columns,
        "includeByName": dict.fromkeys(columns, True),
    }
    return (
        table.Panel()
        .title(title)
        .datasource(FLUX)
        .unit(unit)
        .with_target(_Flux(query))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organize))
        .span(span)
        .height(8)
    )


def chart(
    title: str, query: str, unit: str, name: str, *, bars: bool = False, span: int = 12
) -> timeseries.Panel:
    """Values over time, from InfluxDB. `name`: how a series is called, of its labels."""
    return (
        _chart(title, unit, bars=bars, span=span)
        .datasource(FLUX)
        .display_name(name)
        .with_target(_Flux(query))
    )


def metric(
    title: str, unit: str, queries: dict[str, str], *, stacked: bool = False, description: str = ""
) -> timeseries.Panel:
    """Values over time, from Prometheus. `queries`: PromQL by how its series are called."""
    panel = _chart(title, unit, bars=False, span=8).datasource(PROMETHEUS).description(description)
    if stacked:
        panel = panel.stacking(StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(30)
    for place, (name, query) in enumerate(queries.items()):
        target = PrometheusQuery().expr(query).legend_format(name).ref_id(chr(ord("A") + place))
        panel = panel.with_target(target)
    return panel


def gauge(title: str, query: str, unit: str, *, description: str = "") -> stat.Panel:
    """One number or one a series, from Prometheus, as it is now."""
    target = PrometheusQuery().expr(query).instant().ref_id("A")
    panel = stat.Panel().title(title).description(description).datasource(PROMETHEUS).unit(unit)
    last = ReduceDataOptions().calcs(["lastNotNull"])
    return panel.reduce_options(last).with_target(target).span(4).height(4)


def places(title: str, query: str, *, span: int = 12) -> geomap.Panel:
    """Where things are: rows with `lat` and `lon` in degrees."""

    mode = FrameGeometrySourceMode.COORDS
    source = FrameGeometrySource().mode(mode).latitude("lat").longitude("lon")
    layer = MapLayerOptions().type("markers").name(title).location(source).tooltip(True)
    view = geomap.MapViewConfig().id("fit").all_layers(True)
    return (
        geomap.Panel()
        .title(title)
        .datasource(FLUX)
        .with_target(_Flux(query))
        .layers([layer])
        .view(view)
        .span(span)
        .height(10)
    )


def board(uid: str, title: str, language: Language, since: str) -> dashboard.Dashboard:
    """An empty dashboard. One set a language, so that both can be loaded side by side."""
    suffix = "" if language == "en" else "-zh"
    return (
        dashboard.Dashboard(title)
        .uid(f"huishou-{uid}{suffix}")
        .tags(["huishou", language])
        .refresh("30s")
        .time(since, "now")
        .timezone("browser")
        .readonly()
    )


def influxdb_variables(made: dashboard.Dashboard, t: Words) -> dashboard.Dashboard:
    """Which data source, which bucket, whose days."""
    return (
        made.with_variable(dashboard.DatasourceVariable("influxdb").label("InfluxDB").type("influxdb"))
        .with_variable(dashboard.TextBoxVariable("bucket").label("Bucket").default_value("huishou"))
        .with_variable(
            dashboard.TextBoxVariable("timezone").label(t("Time zone", "时区")).default_value("Asia/Shanghai")
        )
    )


def _chart(title: str, unit: str, *, bars: bool, span: int) -> timeseries.Panel:
    legend = VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = timeseries.Panel().title(title).unit(unit).span(span).height(8).legend(legend.show_legend(True))
    if bars:
        stacking = StackingConfig().mode(StackingMode.NORMAL)
        return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).stacking(stacking)
    return panel.span_nulls(True)


def drop(found: Any) -> Any:
    """JSON without what is null, so that the files say what was chosen and no more."""
    if isinstance(found, dict):
        return {key: drop(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [drop(value) for value in found]
    return found
