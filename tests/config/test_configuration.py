"""A configuration is right, or everything that is wrong with it is explained before anything starts."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.config import SECTIONS, Config, ConfigError, Problem, load, mqtt_password

DEVICES = '{"devices": [{"id": "bin-001", "unit": "bin"}]}'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "devices.json").write_text(DEVICES)
    return tmp_path


def write(directory: Path, text: str) -> Path:
    file = directory / "huishou.toml"
    file.write_text(text)
    return file


def problems(directory: Path, text: str) -> dict[str, str]:
    """Key → sentence, for everything wrong."""
    with pytest.raises(ConfigError) as caught:
        load(write(directory, text))
    assert caught.value.code == "bad-config"
    assert str(directory / "huishou.toml") in str(caught.value)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_an_empty_file_is_a_working_configuration(directory: Path) -> None:
    config = load(write(directory, ""))
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.client_id) == (
        "127.0.0.1",
        1883,
        "huishou-gateway",
    )
    assert config.store.path == directory / "store"
    assert config.devices.file == directory / "devices.json"
    assert config.influxdb.url == "http://127.0.0.1:8086"
    assert config.stations == []


def test_paths_are_relative_to_the_file_not_to_the_working_directory(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(directory, '[store]\npath = "data/s"\n[influxdb]\ntoken_file = "/run/token"\n')
    monkeypatch.chdir(directory.parent)
    config = load(Path(directory.name) / "huishou.toml")
    assert config.store.path == directory / "data/s"
    assert config.influxdb.token_file == Path("/run/token")


def test_all_mistakes_are_reported_at_once_with_what_came_and_what_was_expected(directory: Path) -> None:
    found = problems(
        directory,
        """
        colour = "red"
        [mqtt]
        prot = 1884
        port = 70000
        tls = "yes"
        [influxdb]
        url = "localhost:8086"
        batch_lines = 0
        [web]
        port = 80.5
        [[stations]]
        device = "Bridge 1"
        address = "10.0.0.7:502"
        [[stations]]
        device = "bridge-2"
        """,
    )
    assert found.keys() == {
        "colour",
        "mqtt.prot",
        "mqtt.port",
        "mqtt.tls",
        "influxdb.batch_lines",
        "web.port",
        "stations[0].device",
        "stations[1].address",
    }
    assert "Did you mean `port`?" in found["mqtt.prot"]
    assert "70000" in found["mqtt.port"]
    assert "65535" in found["mqtt.port"]
    assert "'yes'" in found["mqtt.tls"]
    assert "true or false" in found["mqtt.tls"]
    assert "nothing" in found["stations[1].address"]


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("[mqtt]\npassword = 'x'", "mqtt", "username"),
        ("[mqtt]\nusername = 'u'\npassword = 'x'\npassword_file = 'devices.json'", "mqtt", "not both"),
        ("[mqtt]\ncert_file = 'devices.json'\ntls = true", "mqtt", "together"),
        ("[mqtt]\nca_file = 'devices.json'", "mqtt", "tls = true"),
        ("[influxdb]\nurl = 'ftp://x'", "influxdb", "http://127.0.0.1:8086"),
        ("[influxdb]\ntoken = 'x'\ntoken_file = 'y'", "influxdb", "not both"),
        ("[mqtt]\nusername = 'u'\npassword_file = 'gone'", "mqtt.password_file", "readable"),
        ("[web]\nmap = 'gone.geojson'", "web.map", "readable"),
        ("[store]\npath = 'devices.json'", "store.path", "directory"),
        ("[devices]\nfile = 'gone.json'", "devices.file", '{"devices": []}'),
        ("[devices]\nfile = 'huishou.toml'", "devices.file", "devices"),
        (
            "[[stations]]\ndevice='a-1'\naddress='h:1'\n[[stations]]\ndevice='a-1'\naddress='h:2'",
            "stations[1].device",
            "once",
        ),
        (
            "[[stations]]\ndevice='a-1'\naddress='h:1'\nregister_map='gone.toml'",
            "stations[0].register_map",
            "gone.toml",
        ),
        ("[mqtt", "(syntax)", "TOML"),
        ("mqtt = 3", "mqtt", "table"),
        ("stations = {}", "stations", "array"),
    ],
)
def test_each_contradiction_is_named_with_its_key(directory: Path, text: str, key: str, words: str) -> None:
    found = problems(directory, text)
    assert key in found
    assert words in found[key]


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Create it"):
        load(tmp_path / "none.toml")


def test_secrets_come_from_the_environment_then_from_a_file_read_each_time(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUISHOU_INFLUXDB_TOKEN", raising=False)
    (directory / "pw").write_text("from file\n")
    text = '[influxdb]\ntoken_file = "tk"\n[mqtt]\nusername = "u"\npassword_file = "pw"\n'
    config = load(write(directory, text))
    assert config.influxdb.secret() is None
    (directory / "tk").write_text("repaired\n")
    assert config.influxdb.secret() == "repaired"
    assert mqtt_password(config.mqtt) == "from file"
    monkeypatch.setenv("HUISHOU_MQTT_PASSWORD", "from environment")
    monkeypatch.setenv("HUISHOU_INFLUXDB_TOKEN", "from environment too")
    assert mqtt_password(config.mqtt) == "from environment"
    assert config.influxdb.secret() == "from environment too"


TABLES = ("store", "devices", "mqtt", "influxdb", "web", "stations", "other")
KEYS = ("path", "file", "host", "port", "url", "token", "users", "device", "address", "tls", "x")
values = st.recursive(
    st.booleans() | st.integers(-5, 99_999) | st.sampled_from(("", "a", "127.0.0.1:1", "http://h")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)


def toml(value: object) -> str:
    """Inline TOML of plain data."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@given(st.dictionaries(st.sampled_from(TABLES), st.dictionaries(st.sampled_from(KEYS), values) | values))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_any_document_is_either_taken_or_explained(directory: Path, document: dict[str, object]) -> None:
    file = write(directory, "\n".join(f"{key} = {toml(value)}" for key, value in document.items()))
    found: list[Problem] = []
    try:
        config = load(file)
    except ConfigError as err:
        found = err.problems
    else:
        assert isinstance(config, Config)
        return
    assert found
    assert all(problem.key and problem.expected and problem.do for problem in found)


def test_the_command_says_good_or_all_that_is_wrong_and_exits_accordingly(directory: Path) -> None:
    run = CliRunner().invoke
    good = run(main, ["config", "check", str(write(directory, ""))])
    assert good.exit_code == 0
    assert "good" in good.output
    bad = run(main, ["config", "check", str(write(directory, "[mqtt]\nport = 0\nhots = 1"))])
    assert bad.exit_code == 1
    assert "mqtt.port" in bad.output
    assert "mqtt.hots" in bad.output
    told = run(main, ["config", "check", "--json", str(directory / "huishou.toml")])
    assert told.exit_code == 1
    assert {problem["key"] for problem in json.loads(told.output)["problems"]} == {"mqtt.port", "mqtt.hots"}


def test_the_example_names_every_key_and_its_defaults_are_the_defaults(directory: Path) -> None:
    text = CliRunner().invoke(main, ["config", "example"]).output
    as_printed = load(write(directory, text))
    assert as_printed == load(write(directory, ""))
    # With every default that has a spelling made explicit, nothing changes either.
    body = text.split("# One `[[stations]]` entry")[0]
    explicit = re.sub(r"^# (\w+ = )(?!…)", r"\1", body, flags=re.MULTILINE)
    assert explicit.count("\n# ") < body.count("\n# ")
    assert load(write(directory, explicit)) == as_printed
    for section in SECTIONS.values():
        for field in msgspec.structs.fields(section):
            assert f"# {field.encode_name} = " in text


@pytest.mark.parametrize("process", [[], ["intake"], ["writer"], ["web"]])
def test_nothing_starts_with_a_bad_configuration(directory: Path, process: list[str]) -> None:
    file = write(directory, "[mqtt]\nport = 0")
    ended = CliRunner().invoke(main, ["gateway", *process, "--config", str(file)])
    assert ended.exit_code == 1
    assert "mqtt.port" in ended.output
    assert not (directory / "store").exists()
