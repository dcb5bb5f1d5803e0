"""The whole chain in real time: `huishou device`, a running intake, a real Mosquitto, the real firmware."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.device import device as cli
from gateway.config import load
from gateway.intake.service import Intake
from simulators.board.image import Image
from simulators.board.live import LiveUnit
from simulators.peers import ntp
from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.world.district import Links, district

DEVICE = "bin-001"
DEADLINE_S = 40


@contextmanager
def running(file: Path) -> Iterator[Intake]:
    intake = Intake(load(file))
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def ask(file: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and answer of `huishou device …`."""
    done = CliRunner().invoke(cli, [*words, "--config", str(file), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, json.loads(done.stdout)


async def until(true: Callable[[], bool], what: str, intake: Intake) -> None:
    end = time.monotonic() + DEADLINE_S
    while not true():
        intake.look()
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_S} s"
        await asyncio.sleep(0.1)


async def looking(intake: Intake, work: Awaitable[Any]) -> Any:
    """`work`, while intake's loop turns."""
    task = asyncio.ensure_future(work)
    while not task.done():
        intake.look()
        await asyncio.sleep(0.1)
    return task.result()


@pytest.fixture
def site(tmp_path: Path, mosquitto: Broker) -> Path:
    plan = district(5)
    (tmp_path / "devices.json").write_text(json.dumps(plan.devices()))
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": {DEVICE: plan.settings(DEVICE)["key"]}}))
    keys.chmod(0o600)
    file = tmp_path / "huishou.toml"
    file.write_text(
        f'[devices]\nkeys_file = "keys.json"\n[mqtt]\nhost = "{mosquitto.host}"\nport = {mosquitto.port}\n'
        f'username = "{accounts.GATEWAY}"\npassword = "{accounts.GATEWAY}-secret"\n'
    )
    return file


def test_a_person_unlocks_a_bin_and_sets_it(tmp_path: Path, mosquitto: Broker, site: Path) -> None:
    async def live() -> None:
        server, port = await ntp.serve()
        links = Links(broker_host=mosquitto.host, broker_port=mosquitto.port, ntp_port=port)
        plan, now = district(5), time.time_ns() // 1_000_000
        settings = plan.settings(DEVICE, links)
        settings["broker"]["password"] = f"{DEVICE}-secret"
        settings["bays"] = settings["bays"][:1]  # each look takes some three real seconds a bay
        image = Image.create(tmp_path / "unit", DEVICE, "bin-s3", settings, 5, now)
        truth: list[dict[str, Any]] = []
        with running(site) as intake:
            code, asked = await asyncio.to_thread(
                ask, site, "command", DEVICE, "hold-awake", "for_s=600", "--no-wait"
            )
            assert (code, asked["state"]) == (0, "waiting")
            unit = LiveUnit.start(image, plan.scene(DEVICE, now, truth=truth.append, pace=0.0001))
            try:
                await until(lambda: _state(site) == "done", "held awake", intake)
                code, asked = await looking(
                    intake, asyncio.to_thread(ask, site, "command", DEVICE, "unlock", "bay=1")
                )
                assert (code, asked["state"], asked["result"]) == (0, "done", {"bay": 1, "door": "unlocked"})
                pulled = [one for one in truth if one["what"] == "bolt" and one["state"] == "withdrawn"]
                assert [one["door"] for one in pulled] == ["lock0"]
                code, asked = await looking(
                    intake, asyncio.to_thread(ask, site, "command", DEVICE, "unlock", "bay=7")
                )
                assert (code, asked["state"], asked["code"]) == (1, "failed", "bad-args")
                code, asked = await looking(
                    intake, asyncio.to_thread(ask, site, "command", DEVICE, "lock", "bay=1")
                )
                assert (code, asked["result"]) == (0, {"bay": 1, "door": "locked"})
                code, wanted = await asyncio.to_thread(ask, site, "desire", DEVICE, "wake_s=3600")
                assert (code, wanted["desired_rev"], wanted["rev"]) == (0, 1, 0)
                await until(lambda: ask(site, "desire", DEVICE)[1]["rev"] == 1, "revision 1 in force", intake)
            finally:
                unit.stop()
                server.close()

    asyncio.run(live())


def _state(site: Path) -> str:
    newest = ask(site, "commands", DEVICE)[1]["commands"][-1]
    return str(newest["state"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("command", DEVICE, "explode"), "unknown-command"),
        (("command", DEVICE, "unlock", "bay=100"), "bad-argument"),
        (("command", DEVICE, "unlock", "bay"), "bad-argument"),
        (("command", DEVICE, "unlock", "window=1"), "bad-argument"),
        (("command", DEVICE, "hold-awake"), "bad-argument"),
        (("command", "bin-999", "unlock", "bay=1"), "unknown-device"),
        (("command", "bin-002", "unlock", "bay=1"), "key-missing"),
        (("command", "truck-01", "zero", "bay=1"), "unknown-command"),
        (("desire", DEVICE, "wake_s=5"), "setting-range"),
        (("desire", DEVICE, "colour=red"), "unknown-setting"),
        (("desire", DEVICE, "network.ssid="), "setting-range"),
        (("desire", DEVICE, "--unset", "wake_s"), "not-set"),
    ],
)
def test_what_cannot_be_asked_says_why(site: Path, words: tuple[str, ...], code: str) -> None:
    done = CliRunner().invoke(cli, [*words, "--config", str(site)])
    assert done.exit_code == 1
    assert f"[{code}]" in done.output


def test_keys_that_others_may_read_are_not_used(site: Path) -> None:
    (site.parent / "keys.json").chmod(0o644)
    done = CliRunner().invoke(cli, ["command", DEVICE, "locate", "--config", str(site)])
    assert "[keys-open]" in done.output
    site.write_text("")
    done = CliRunner().invoke(cli, ["command", DEVICE, "locate", "--config", str(site)])
    assert "[keys-unset]" in done.output


def test_what_was_set_stays_set_secrets_are_hidden_and_lists_are_empty_at_first(site: Path) -> None:
    assert ask(site, "commands") == (0, {"commands": []})
    assert ask(site, "desire", DEVICE)[1] == {"device": DEVICE, "desired_rev": 0, "config": {}, "rev": None}
    ask(site, "desire", DEVICE, "wake_s=900", "broker.password=geheim")
    found = ask(site, "desire", DEVICE, "bay.1.full_pct=80")[1]
    assert found["desired_rev"] == 2
    assert found["config"] == {"wake_s": 900, "broker.password": "(hidden)", "bay.1.full_pct": 80}
    found = ask(site, "desire", DEVICE, "--unset", "wake_s")[1]
    assert (found["desired_rev"], sorted(found["config"])) == (3, ["bay.1.full_pct", "broker.password"])
    assert ask(site, "desire", DEVICE, "--again")[1]["desired_rev"] == 4
    assert (site.parent / "store" / "commands.db").stat().st_mode & 0o077 == 0


def test_the_table_of_settings_and_commands_is_shown_in_both_languages() -> None:
    for lang, word in (("en", "Time from one look"), ("zh", "两次查看之间的时间")):
        done = CliRunner().invoke(cli, ["settings", "--lang", lang])
        assert done.exit_code == 0
        assert word in done.output
        assert "hold-awake" in done.output
