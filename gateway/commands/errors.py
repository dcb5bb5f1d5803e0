"""What can be wrong with something asked of a device."""


class AskError(Exception):
    """It cannot be asked for. `code` is stable; the text says what is wrong and what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text} [{code}]")
        self.code = code
