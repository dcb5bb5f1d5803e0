"""What `huishou journal` says to people. Pure: facts in, text out."""

from datetime import UTC, datetime
from typing import Any

from gateway.alarm_codes import ALARMS
from gateway.codes import CODES
from gateway.journal.backup import Backup, Cover
from gateway.journal.restore import Plan, Restored
from gateway.journal.verify import Report

SHOWN = 20


def stat_words(facts: dict[str, Any], now_ms: int) -> str:
    """`huishou journal stat`."""
    size, epoch = facts["bytes"], facts["epoch"]
    lines = [
        f"file      {facts['file']}",
        f"size      {mb(size[''])}, of it {mb(facts['bytes_free_in_file'])} free; WAL {mb(size['-wal'])}",
        f"epoch     {epoch['id']} ({epoch['cause']} {moment(epoch['began_ms'])}), {facts['epochs']} so far",
        f"holds     {facts['rows']} rows, {facts['records']} records of {facts['devices']} devices",
        f"received  {moment(facts['first_ms'])} to {moment(facts['last_ms'])}",
        f"logs      {facts['logs']}, {facts['logs_waiting']} of them wait in front of a gap",
    ]
    lines += [
        f"  gap     {one['device']} {one['log']} {one['first']}..{one['last']}, {moment(one['since_ms'])}"
        for one in facts["gaps"]
    ]
    if facts["more_gaps"]:
        lines.append("  gap     …")
    causes = ", ".join(f"{count} by {cause}" for cause, count in facts["losses"].items())
    lines.append(f"lost      {facts['lost']} records{f': {causes}' if causes else ''}")
    lines.append(f"records   {facts['received']} received, of which")
    for outcome, codes in facts["outcomes"].items():
        for code, count in codes.items():
            lines.append(f"  {count:>12} {outcome}{f' {code}' if code else ''}")
    lines.append(
        "refused   now in the quarantine:" if facts["quarantine"] else "refused   nothing in the quarantine"
    )
    for code, kept in facts["quarantine"].items():
        lines.append(f"  {kept['entries']:>12} {code} ({kept['copies']} copies)")
    for name, reader in facts["readers"].items():
        said = (
            "never announced" if reader["said_ms"] is None else f"said {ago(now_ms - reader['said_ms'])} ago"
        )
        lines.append(f"reader    {name}: {reader['behind_rows']} rows behind, {said}")
    lines += _growth_words(facts)
    for what, count in facts["dropped"].items():
        lines.append(f"dropped   {count} {what}")
    return "\n".join(lines)


def _growth_words(facts: dict[str, Any]) -> list[str]:
    growth, kept = facts["bytes_per_day"], facts["retention"]
    lines = [f"growth    {mb(growth)} a day lately" if growth else "growth    nothing came in lately"]
    lines[0] += f"; {mb(facts['disk_free'])} free on the disk"
    if growth:
        lines[0] += f": full in {kept['days_to_full_disk']:.0f} days if nothing is dropped"
    limits = []
    if kept["keep_days"] is not None:
        limits.append(f"{kept['keep_days']:g} days{_when(kept['days_to_age'])}")
    if kept["keep_bytes"] is not None:
        limits.append(f"{mb(kept['keep_bytes'])}{_when(kept['days_to_size'])}")
    lines.append(f"keeps     {' or '.join(limits) or 'everything'}")
    return lines


def _when(days: float | None) -> str:
    return "" if days is None else f" (reached in {days:.0f} days)"


def verify_words(report: Report, lang: str) -> str:
    """`huishou journal verify`."""
    number = sum(report.counts.values())
    looked = f"{report.rows} rows, {report.records} records, {report.logs} logs, version {report.version}"
    if not number:
        return f"{report.file}: sound. {looked}."
    lines = [f"{report.file}: {number} FINDINGS. {looked}."]
    for code, count in report.counts.items():
        lines += ["", f"{code} ({count}): {meaning(code, lang)}"]
        found = [one for one in report.findings if one.code == code]
        lines += [f"  {one.where}: {one.detail}" for one in found[:SHOWN]]
        if count > SHOWN:
            lines.append(f"  … and {count - SHOWN} more")
    return "\n".join(lines)


def meaning(code: str, lang: str) -> str:
    """What a code means and what to do, in a language."""
    row = CODES.get(code) or ALARMS[code]
    return f"{row.zh}{row.zh_do}" if lang == "zh" else f"{row.en} {row.en_do}"


def backup_words(made: Backup) -> str:
    """`huishou journal backup`."""
    lines = [
        f"{made.file}: {mb(made.bytes)} in {made.seconds:.1f} s, verified. SHA-256 {made.sha256}",
        f"holds {_cover(made.cover)}",
    ]
    if made.commands is not None:
        lines.append(f"and {made.commands} commands with the settings of devices: keep it from others")
    if made.removed:
        lines.append(f"removed {', '.join(made.removed)}")
    return "\n".join(lines)


_COMMANDS = {
    "stays": "commands.db stays as it is.",
    "restored": "commands.db comes from the backup: what was open in it is unknown now, and not sent again.",
    "none": "Commands begin anew: neither store nor backup has a commands.db that can be used.",
}


def plan_words(plan: Plan) -> str:
    """What a restore would mean."""
    lines = [f"{plan.file} is sound and holds {_cover(plan.cover)}."]
    if plan.present is not None:
        lines.append(f"The present journal holds {_cover(plan.present)}; it is set aside, not deleted.")
    elif plan.readable:
        lines.append("There is no journal now.")
    else:
        lines.append(
            "The present journal cannot be read; it is set aside, not deleted. What goes back is not known."
        )
    lines.append(_COMMANDS[plan.commands])
    records = sum(one.was - one.now for one in plan.set_back if one.now >= 0)
    if plan.set_back:
        lines.append(
            f"{len(plan.set_back)} logs go back, by {records} records at least: devices send again what they"
            " still hold, the rest is declared lost (cause restore):"
        )
    for one in plan.set_back[:SHOWN]:
        now = "not in it at all" if one.now < 0 else f"to {one.now}"
        lines.append(f"  {one.device} {one.log}: from {one.was} {now}")
    if len(plan.set_back) > SHOWN:
        lines.append(f"  … and {len(plan.set_back) - SHOWN} more (--json has all)")
    return "\n".join(lines)


def restored_words(done: Restored) -> str:
    """`huishou journal restore`."""
    aside = f" The former one is {done.aside}: delete it when all is well." if done.aside else ""
    return (
        f"{plan_words(done.plan)}\nRestored: epoch {done.epoch} begins after row {done.began_at_row}.{aside}"
        " Start the gateway now."
    )


def _cover(cover: Cover) -> str:
    return (
        f"{cover.rows} rows, {cover.records} records of {cover.devices} devices,"
        f" {moment(cover.first_ms)} to {moment(cover.last_ms)}"
    )


def moment(ms: int | None) -> str:
    """A time for people, in UTC."""
    return "(none)" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"


def ago(ms: int) -> str:
    """A span of time for people."""
    seconds = ms // 1000
    return (
        f"{seconds} s"
        if seconds < 120
        else f"{seconds // 60} min"
        if seconds < 7200
        else f"{seconds // 3600} h"
    )


def mb(size: int) -> str:
    """A size for people."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
