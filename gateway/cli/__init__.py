"""`huishou`: one command, whose groups are found through the entry point group `huishou.commands`.

So `gateway` need not know `simulators`: a group whose package is absent or broken costs one clear line when
it is asked for, and nothing otherwise.
"""

from importlib import metadata

import click

GROUP = "huishou.commands"


class Commands(click.Group):
    """Loads a group when it is named, not before.

    `huishou gateway` must not pay for the simulators' imports.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(point.name for point in metadata.entry_points(group=GROUP))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for point in metadata.entry_points(group=GROUP, name=cmd_name):
            try:
                command = point.load()
            except Exception as err:  # noqa: BLE001 - whatever a group's import raises, the others must go on
                return _broken(cmd_name, f"{type(err).__name__}: {err}")
            if isinstance(command, click.Command):
                return command
            return _broken(cmd_name, f"{point.value} is no click command")
        return None


def _broken(name: str, why: str) -> click.Command:
    """A stand-in that says why a group cannot be used."""

    @click.command(
        name,
        short_help="(not available here)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        add_help_option=False,
    )
    def broken() -> None:
        raise click.ClickException(
            f"`huishou {name}` cannot be used [command-unavailable]: {why}. "
            "Install what it needs: pip install 'huishou[sim]'."
        )

    return broken


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="huishou", prog_name="huishou")
def main() -> None:
    """The open edge stack for a city's recycling: gateway, page, crew tools and simulators."""
