"""What InfluxDB knows: the city as a whole, and one device."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from gateway.dashboards import parts
from gateway.dashboards.parts import Language, chart, daily, flux, numbers, places, rows, words

_KG = "map(fn: (r) => ({r with _value: float(v: r._value) / 1000.0}))"
_ONE = 'keep(columns: ["_value"])'
_IN_TIME = 'sort(columns: ["_time"])'  # grouped series are joined one behind the other
_FILL = (
    'group(columns: ["device", "bay"])',
    _IN_TIME,
    "last()",
    "group()",
    'sort(columns: ["_value"], desc: true)',
)
_FAULTS = (
    'group(columns: ["device", "part", "code"])',
    _IN_TIME,
    "last()",
    'filter(fn: (r) => r.state == "raised")',
    "group()",
)
_PLACE = (
    'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
    "map(fn: (r) => ({r with lat: float(v: r.lat_e7) / 10000000.0, lon: float(v: r.lon_e7) / 10000000.0}))",
)


def _silent(hours: int) -> str:
    steps = (
        'group(columns: ["device"])',
        'max(column: "_time")',
        f"filter(fn: (r) => r._time < date.sub(from: now(), d: {hours}h))",
        "group()",
        'sort(columns: ["_time"])',
    )
    return 'import "date"\n\n' + flux("", "seq", *steps, start="-30d")


def _positions(*steps: str, where: str = "") -> str:
    query = flux("position", "lat_e7", *steps, *_PLACE, where=where)
    return query.replace('r._field == "lat_e7"', '(r._field == "lat_e7" or r._field == "lon_e7")')


def overview(language: Language) -> dashboard.Dashboard:
    """The city: what came in, what was collected, what to act on."""
    t = words(language)
    device, bay, site = t("Device", "设备"), t("Bay", "投口"), t("Site", "站点")
    made = parts.influxdb_variables(
        parts.board("city", t("Recycling: the city", "回收：全市概览"), language, "now-7d"), t
    )
    day = 'aggregateWindow(every: 1d, fn: sum, timeSrc: "_start", createEmpty: false)'
    panels: list[parts.Panel] = [
        numbers(
            t("Deposited", "投放重量"), flux("deposit", "net_g", "group()", "sum()", _KG, _ONE), "masskg"
        ),
        numbers(t("Deposits", "投放次数"), flux("deposit", "seq", "group()", "count()", _ONE), "short"),
        numbers(
            t("Collected", "清运重量"), flux("collect", "net_g", "group()", "sum()", _KG, _ONE), "masskg"
        ),
        numbers(
            t("Bays over 80 %", "80% 以上的投口"),
            flux(
                "reading",
                "fill_pct",
                *_FILL[:4],
                "filter(fn: (r) => r._value > 80)",
                "count()",
                _ONE,
                start="-3d",
            ),
            "short",
        ),
        numbers(
            t("Devices heard in 24 h", "24 小时内在线设备"),
            flux("", "seq", 'group(columns: ["device"])', "last()", "group()", "count()", _ONE, start="-24h"),
            "short",
        ),
        numbers(
            t("Faults standing", "故障数"),
            flux("fault", "seq", *_FAULTS, "count()", _ONE, start="-90d"),
            "short",
        ),
        chart(
            t("Deposited per day and category", "每日各品类投放重量"),
            daily(flux("deposit", "net_g", 'group(columns: ["category"])', day, _KG)),
            "masskg",
            "${__field.labels.category}",
            bars=True,
        ),
        chart(
            t("Collected per day and site", "每日各站点清运重量"),
            daily(flux("collect", "net_g", 'group(columns: ["site"])', day, _KG)),
            "masskg",
            "${__field.labels.site}",
            bars=True,
        ),
        rows(
            t("Fullest bays", "最满的投口"),
            flux("reading", "fill_pct", *_FILL, "limit(n: 50)", start="-3d"),
            {
                "device": device,
                "bay": bay,
                "site": site,
                "_value": t("Fill %", "满溢率 %"),
                "_time": t("As of", "时间"),
            },
        ),
        rows(
            t("Standing faults", "未消除故障"),
            flux("fault", "seq", *_FAULTS, 'sort(columns: ["_time"], desc: true)', start="-90d"),
            {
                "device": device,
                "part": t("Part", "部件"),
                "code": t("Code", "代码"),
                "_time": t("Since", "自"),
            },
        ),
        rows(
            t("Silent for a day", "静默超过一天"),
            _silent(24),
            {"device": device, "_time": t("Last heard", "最后上报")},
        ),
        rows(
            t("Weighings per truck", "车辆称重"),
            flux(
                "weigh",
                "net_g",
                'group(columns: ["device"])',
                "count()",
                "group()",
                where=' and r.unit == "truck"',
            ),
            {"device": device, "_value": t("Weighings", "次数")},
        ),
        places(
            t("Trucks, last position", "车辆最新位置"),
            _positions(
                'group(columns: ["device", "_field"])', _IN_TIME, "last()", 'group(columns: ["device"])'
            ),
            span=16,
        ),
    ]
    for panel in panels:
        made = made.with_panel(panel)
    return made


def device(language: Language) -> dashboard.Dashboard:
    """One device: what it measured, what happened to it."""
    t = words(language)
    made = parts.influxdb_variables(
        parts.board("device", t("Recycling: one device", "回收：单台设备"), language, "now-2d"), t
    )
    devices = 'import "influxdata/influxdb/schema"\n\nschema.tagValues(bucket: "${bucket}", tag: "device")'
    made = made.with_variable(
        dashboard.QueryVariable("device")
        .label(t("Device", "设备"))
        .datasource(parts.FLUX)
        .query(devices)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    )
    own = ' and r.device == "${device}"'
    latest = "aggregateWindow(every: v.windowPeriod, fn: last, createEmpty: false)"
    by_bay = 'group(columns: ["bay"])'
    bay = t("bay ", "投口 ") + "${__field.labels.bay}"

    def reading(field: str, *steps: str) -> str:
        return flux("reading", field, *steps, _IN_TIME, latest, where=own)

    events = 'pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
    at = t("At", "时间")
    panels: list[parts.Panel] = [
        chart(t("Fill", "满溢率"), reading("fill_pct", by_bay), "percent", bay),
        chart(
            t("Mass", "重量"),
            reading("mass_g", by_bay).replace(latest, f"{latest}\n  |> {_KG}"),
            "masskg",
            bay,
        ),
        chart(
            t("Battery", "电池电压"),
            reading("battery_mv", 'group(columns: ["device"])'),
            "mvolt",
            t("battery", "电池"),
        ),
        chart(
            t("Solar power", "太阳能功率"),
            reading("solar_mw", 'group(columns: ["device"])'),
            "mwatt",
            t("solar", "太阳能"),
        ),
        chart(
            t("Temperature", "温度"),
            reading(
                "temp_dc",
                'group(columns: ["device"])',
                "map(fn: (r) => ({r with _value: float(v: r._value) / 10.0}))",
            ),
            "celsius",
            t("temperature", "温度"),
        ),
        chart(t("Radio", "信号强度"), reading("rssi_dbm", 'group(columns: ["device"])'), "dBm", "RSSI"),
        chart(
            t("Deposits per hour", "每小时投放"),
            flux(
                "deposit",
                "net_g",
                'group(columns: ["category"])',
                "aggregateWindow(every: 1h, fn: sum, createEmpty: false)",
                _KG,
                where=own,
            ),
            "masskg",
            "${__field.labels.category}",
            bars=True,
        ),
        rows(
            t("Collections", "清运"),
            flux("collect", "net_g", "group()", 'sort(columns: ["_time"], desc: true)', where=own),
            {
                "_time": at,
                "bay": t("Bay", "投口"),
                "category": t("Category", "品类"),
                "_value": t("Net g", "净重 g"),
            },
        ),
        rows(
            t("Faults", "故障"),
            flux("fault", "seq", "group()", 'sort(columns: ["_time"], desc: true)', where=own),
            {"_time": at, "part": t("Part", "部件"), "code": t("Code", "代码"), "state": t("State", "状态")},
        ),
        rows(
            t("Doors", "门"),
            flux(
                "door", "seq", "group()", 'sort(columns: ["_time"], desc: true)', "limit(n: 200)", where=own
            ),
            {"_time": at, "door": t("Door", "门"), "state": t("State", "状态"), "cause": t("Cause", "原因")},
        ),
        rows(
            t("Starts", "启动"),
            flux("boot", "fw", events, "group()", 'sort(columns: ["_time"], desc: true)', where=own).replace(
                'r._field == "fw"', '(r._field == "fw" or r._field == "reason")'
            ),
            {"_time": at, "reason": t("Reason", "原因"), "fw": t("Firmware", "固件")},
        ),
        places(t("Way", "轨迹"), _positions('group(columns: ["device"])', where=own)),
    ]
    for panel in panels:
        made = made.with_panel(panel)
    return made
