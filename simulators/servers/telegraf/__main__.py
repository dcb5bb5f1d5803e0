"""`python -m simulators.servers.telegraf`: have a `telegraf`, building it when there is none. Prints its
path."""

import sys

from simulators.servers.errors import ServerError
from simulators.servers.telegraf.binary import VERSION, build, find


def main() -> int:
    try:
        if find() is None:
            sys.stderr.write(f"Telegraf {VERSION}: building it (once, about a minute)\n")
        sys.stdout.write(f"{build()}\n")
    except ServerError as error:
        sys.stderr.write(f"[{error.code}] {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
