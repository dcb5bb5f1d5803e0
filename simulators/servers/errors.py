"""What can go wrong with a server, for people: what happened, where, and the ways out."""


class ServerError(Exception):
    """A server cannot be had or does not do what it must. `code` is stable, `str()` is a whole sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
