"""`python -m simulators.board.narrow`: have a 32-bit MicroPython in the cache."""

import sys

from rich.console import Console

from simulators.board.narrow.fetch import FetchError, cache_directory, fetch


def main() -> None:
    """Fetch it unless it is there. Exit status 1, and one clear line, when it cannot be had."""
    console = Console(stderr=True)
    try:
        with console.status("32-bit MicroPython") as status:
            fetch(lambda text: status.update(text))
    except FetchError as error:
        sys.exit(f"{error.code}: {error}")
    print(cache_directory())  # noqa: T201 (the answer)


if __name__ == "__main__":
    main()
