"""Text that came from outside, made safe to look at."""


def printable(data: bytes | str) -> str:
    """As text that cannot mislead: `\\xNN` where not UTF-8, nothing invisible or turning round."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)
