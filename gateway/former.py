"""The settings that were last good, kept in the store by the parent process.

A process that dies while the settings file is wrong must start again with those that are in force; and
`huishou gateway reload --dry-run` compares with them. The file may hold secrets: it is its owner's alone.
"""

import os
from pathlib import Path

from gateway.config import Config, ConfigError, load

FILE = "settings.last-good.toml"


def keep(config: Config) -> None:
    """Keep the text of a file that is in force as a whole. Raises OSError."""
    file = config.store.path / FILE
    part = file.with_name(f".{FILE}.{os.getpid()}")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(config.file.read_bytes())
    part.replace(file)


def load_former(file: Path, former: Path) -> Config:
    """The settings in force: the kept text as if it stood in `file`; without one, the file's own.

    Raises ConfigError.
    """
    try:
        text = former.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return load(file)
    try:
        return load(file, text)
    except ConfigError:  # good when it was kept: what it names has changed since
        return load(file)
