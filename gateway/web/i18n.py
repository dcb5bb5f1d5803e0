"""The page's language: from a cookie, else from Accept-Language, else English. Words are in `messages`."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import HTTPConnection

from gateway.codes import CODES
from gateway.web.messages import MESSAGES

LANGUAGES = ("en", "zh-CN")
COOKIE = "huishou_lang"

Translate = Callable[..., str]


def language(connection: HTTPConnection) -> str:
    """The language of this request."""
    chosen = connection.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return from_header(connection.headers.get("accept-language", ""))


def from_header(header: str) -> str:
    """The best of LANGUAGES by RFC 9110 weights; any Chinese is zh-CN (the only one there is)."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in header.split(","):
        tag, _, weight_text = part.strip().partition(";q=")
        try:
            weight = float(weight_text or 1)
        except ValueError:
            continue
        for known in LANGUAGES:
            if tag.lower().split("-")[0] == known.split("-")[0] and weight > best_weight:
                best, best_weight = known, weight
    return best


def translator(lang: str) -> Translate:
    """`t("city.title")`, `t("login.wait", seconds=12)`: the text of a key in this language."""
    index = LANGUAGES.index(lang)

    def t(key: str, **values: object) -> str:
        text = MESSAGES[key][index]
        return text.format_map(values) if values else text

    return t


def known(lang: str, prefix: str, word: object) -> str:
    """The text of `prefix.word` when there is one, else the word as the device sent it."""
    found = MESSAGES.get(f"{prefix}.{word}")
    return found[LANGUAGES.index(lang)] if found else str(word)


def reason(lang: str, code: str) -> tuple[str, str]:
    """What a reason code means and what to do about it."""
    row = CODES.get(code)
    if row is None:
        return code, ""
    return (row.zh, row.zh_do) if lang == "zh-CN" else (row.en, row.en_do)


def script_messages(lang: str) -> Mapping[str, Any]:
    """The texts that the page's scripts need: all keys under `js.`, and the words for what devices say."""
    index = LANGUAGES.index(lang)
    wanted = (
        "js.",
        "kind.",
        "status.",
        "category.",
        "door.",
        "concern.",
        "unit.",
        "metric.",
        "fence.",
        "outcome.",
    )
    return {key: texts[index] for key, texts in MESSAGES.items() if key.startswith(wanted)}
