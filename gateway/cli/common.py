"""What the commands share: the options that all of them have, and the configuration that they name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.config import Config, ConfigError, load

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")


def config_option(text: str = "The configuration.") -> Callable[[F], F]:
    """`--config FILE`, given to the command as `file`. `text`: what of it the command needs."""
    return click.option(
        "--config",
        "-c",
        "file",
        type=click.Path(path_type=Path),
        default=Path("huishou.toml"),
        show_default=True,
        help=text,
    )


def load_config(file: Path) -> Config:
    """The checked configuration, or the end of the program with all that is wrong."""
    try:
        return load(file)
    except ConfigError as err:
        raise click.ClickException(str(err)) from None
