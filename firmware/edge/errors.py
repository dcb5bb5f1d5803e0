"""One family of errors: a stable code, and what was found and expected."""


class EdgeError(Exception):
    """Something went wrong that has a name. `code` is stable (kebab-case); `detail` is for people."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return self.code + (": " + self.detail if self.detail else "")
