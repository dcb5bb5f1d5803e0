"""A 32-bit MicroPython comes from the cache, else from Debian; why it cannot be had is said with a code."""

import platform
from pathlib import Path

import pytest

from simulators.board.narrow import fetch
from simulators.board.narrow.fetch import FetchError

MIRROR = "echo 'Debian|http://mirror.invalid/debian/'"


def system(folder: Path, apt: str) -> dict[str, str]:
    """An environment whose `apt-get` is this script, with an empty cache."""
    tools = folder / "bin"
    tools.mkdir()
    for name, script in (("apt-get", apt), ("dpkg-deb", "exit 0")):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    return {"PATH": f"{tools}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}


def code_of(env: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(FetchError) as caught:
        fetch.fetch(env=env)
    assert fetch.find(env) is None
    assert list(fetch.cache_directory(env).parent.glob("*")) == [], "something half-made is left"
    return caught.value.code, str(caught.value)


def test_what_is_in_the_cache_needs_no_network_and_no_tools(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    fetch.cache_directory(env).mkdir(parents=True)
    found = fetch.find(env)
    assert found is not None
    assert fetch.fetch(env=env) == found


def test_a_machine_that_cannot_run_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    env = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)}
    code, text = code_of(env)
    assert code == "narrow-machine"
    assert "aarch64" in text


def test_without_debians_tools_it_says_which_are_missing(tmp_path: Path) -> None:
    code, text = code_of({"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    assert code == "narrow-tools"
    assert "apt-get and dpkg-deb" in text


def test_a_system_whose_apt_knows_no_debian_is_told_so(tmp_path: Path) -> None:
    code, text = code_of(system(tmp_path, "echo 'Ubuntu|http://archive.invalid/ubuntu/'"))
    assert code == "narrow-mirror"
    assert "no Debian archive" in text


def test_apts_own_words_come_through_also_when_it_calls_them_warnings(tmp_path: Path) -> None:
    script = f'case "$*" in *indextargets*) {MIRROR};; *) echo "W: Failed to fetch it: no route" >&2;; esac'
    code, text = code_of(system(tmp_path, script))
    assert code == "narrow-fetch"
    assert "no route" in text
    assert "update" in text


def test_an_interpreter_that_does_not_run_is_not_kept(tmp_path: Path) -> None:
    env = system(tmp_path, f'case "$*" in *indextargets*) {MIRROR};; esac')
    unpack = "mkdir -p $3/usr/bin $3/usr/lib/i386-linux-gnu; echo > $3/usr/bin/micropython"
    (tmp_path / "bin" / "dpkg-deb").write_text(f"#!/bin/sh\n{unpack}\n", encoding="utf-8")
    (tmp_path / "bin" / "apt-get").write_text(
        f"#!/bin/sh\n"
        f'for word; do case "$word" in indextargets) {MIRROR};; Dir::Cache=*) cache=${{word#*=}};;'
        f" install) touch $cache/archives/micropython.deb;; esac; done\n",
        encoding="utf-8",
    )
    code, _ = code_of(env)
    assert code == "narrow-broken"
