"""What Prometheus knows: the gateway itself (`/metrics`)."""

from grafana_foundation_sdk.builders import dashboard

from gateway.dashboards import parts
from gateway.dashboards.parts import Language, Words, gauge, metric, words

_RATE = "[$__rate_interval]"


def gateway(language: Language) -> dashboard.Dashboard:
    """Whether it works, how fast, how far behind, and what is wrong."""
    t = words(language)
    made = parts.board(
        "gateway", t("Recycling: the gateway", "回收：网关"), language, "now-6h"
    ).with_variable(dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
    for panel in (*_now(t), *_rates(t), *_lags(t), *_machine(t)):
        made = made.with_panel(panel)
    return made


def _now(t: Words) -> list[parts.Panel]:
    return [
        gauge(t("Processes up", "运行中的进程"), "sum(huishou_process_up)", "short"),
        gauge(t("Subscribed to the broker", "已订阅 broker"), "huishou_broker_subscribed", "bool"),
        gauge(
            t("The sum holds", "总数相符"),
            "huishou_records_sum_ok",
            "bool",
            description=t(
                "received = accepted + flagged + quarantined + duplicate", "接收 = 接受 + 标记 + 隔离 + 重复"
            ),
        ),
        gauge(t("Standing alarms", "当前告警"), "sum(huishou_alarm) or vector(0)", "short"),
        gauge(t("Records lost", "丢失记录"), "huishou_records_lost_total", "short"),
        gauge(t("Open gaps", "未补齐的缺口"), "huishou_journal_gaps", "short"),
    ]


def _rates(t: Words) -> list[parts.Panel]:
    coded = f'rate(huishou_records_total{{code!=""}}{_RATE})'
    return [
        metric(
            t("Records per second by outcome", "每秒记录数（按结果）"),
            "cps",
            {"{{outcome}}": f"sum by (outcome) (rate(huishou_records_total{_RATE}))"},
            stacked=True,
        ),
        metric(
            t("Flagged and quarantined, by code", "标记与隔离（按代码）"),
            "cps",
            {"{{outcome}} {{code}}": f"sum by (outcome, code) ({coded})"},
        ),
        metric(
            t("Messages per second by channel", "每秒消息数（按通道）"),
            "cps",
            {"{{channel}}": f"rate(huishou_messages_total{_RATE})"},
        ),
    ]


def _lags(t: Words) -> list[parts.Panel]:
    def quantiles(name: str, by: str = "") -> dict[str, str]:
        labels = f"le, {by}" if by else "le"
        series = f"sum by ({labels}) (rate({name}_bucket{_RATE}))"
        prefix = f"{{{{{by}}}}} " if by else ""
        return {
            f"{prefix}p50": f"histogram_quantile(0.5, {series})",
            f"{prefix}p99": f"histogram_quantile(0.99, {series})",
        }

    return [
        metric(t("Device to journal", "设备到日志"), "s", quantiles("huishou_device_journal_delay_seconds")),
        metric(
            t("Arrival to journal", "到达至落盘"), "s", quantiles("huishou_receive_journal_delay_seconds")
        ),
        metric(
            t("Journal to database", "日志到数据库"), "s", quantiles("huishou_sink_delay_seconds", "sink")
        ),
        metric(t("Databases behind, rows", "数据库落后行数"), "short", {"{{sink}}": "huishou_sink_lag_rows"}),
        metric(t("Databases behind, age", "数据库落后时长"), "s", {"{{sink}}": "huishou_sink_lag_seconds"}),
        metric(
            t("Lines refused by databases", "数据库拒收行数"),
            "short",
            {"{{sink}}": f"increase(huishou_sink_refused_lines_total{_RATE})"},
        ),
        metric(
            t("Waiting for a commit", "等待落盘的消息"),
            "short",
            {t("messages", "消息"): "huishou_intake_queue_messages"},
        ),
        metric(
            t("Devices silent", "静默设备"),
            "short",
            {"{{unit}} > {{limit_seconds}} s": "huishou_devices_silent"},
        ),
        metric(
            t("Alarms", "告警"),
            "short",
            {"{{code}}": "huishou_alarm > 0"},
            description=t("What each means: docs/operators.md", "含义见 docs/operators.md"),
        ),
    ]


def _machine(t: Words) -> list[parts.Panel]:
    return [
        metric(
            t("CPU by process, share of a core", "各进程 CPU（单核占比）"),
            "percentunit",
            {"{{process}}": f"rate(huishou_process_cpu_seconds_total{_RATE})"},
        ),
        metric(
            t("Memory by process", "各进程内存"),
            "bytes",
            {"{{process}}": "huishou_process_resident_memory_bytes"},
        ),
        metric(
            t("Disk", "磁盘"),
            "bytes",
            {t("journal", "日志"): "huishou_journal_bytes", t("free", "剩余"): "huishou_disk_free_bytes"},
        ),
    ]
