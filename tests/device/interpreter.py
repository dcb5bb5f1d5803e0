"""The real interpreter with the firmware on its path, for tests of the device."""

from pathlib import Path

from simulators.board.program import output

VM = Path(__file__).parent / "vm"
"""Programs that run in it, and stand-ins for modules that only a chip has."""


def micropython(program: str, *arguments: str) -> str:
    """What a program prints. Its `args` are these, with PRELUDE before it."""
    return output(["-c", program + "\n"], args=arguments)


def run_in_vm(script: str, *arguments: str, stdin: str = "") -> str:
    """What a program of VM prints, with VM's stand-ins before everything else."""
    return output([VM / script, *arguments], VM, stdin=stdin)
