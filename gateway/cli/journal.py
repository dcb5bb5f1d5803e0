"""`huishou journal`: what the journal holds, whether it is sound, and copies of it."""

import click


@click.group()
def journal() -> None:
    """Look into the journal, verify it, back it up, bring it back, judge refused records anew."""
