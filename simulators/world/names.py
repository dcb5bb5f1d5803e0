"""Invented names for streets and sites, in Chinese and English. None is meant to be a real place."""

from simulators.world.kernel import Stream

_FIRST = [
    ("槐", "Huai"), ("柳", "Liu"), ("荷", "He"), ("松", "Song"), ("云", "Yun"), ("芦", "Lu"), ("锦", "Jin"),
    ("澄", "Cheng"), ("棠", "Tang"), ("雁", "Yan"), ("枫", "Feng"), ("岚", "Lan"), ("梧", "Wu"),
    ("莲", "Lian"), ("霁", "Ji"), ("舟", "Zhou"), ("桂", "Gui"), ("溪", "Xi"), ("晴", "Qing"), ("蓼", "Liao"),
]  # fmt: skip
_SECOND = [
    ("荫", "yin"), ("畅", "chang"), ("泽", "ze"), ("庭", "ting"), ("望", "wang"), ("源", "yuan"),
    ("景", "jing"), ("洲", "zhou"), ("朗", "lang"), ("和", "he"), ("桥", "qiao"), ("麓", "lu"),
    ("湾", "wan"), ("台", "tai"), ("林", "lin"), ("浦", "pu"),
]  # fmt: skip

STREET_SUFFIX = {"ns": ("路", "Road"), "ew": ("道", "Avenue")}
SITE_SUFFIX: dict[str, list[tuple[str, str]]] = {
    "estate": [
        ("里", "Li"), ("花园", "Gardens"), ("公寓", "Apartments"), ("苑", "Court"),
        ("小区北门", "Estate North Gate"), ("小区南门", "Estate South Gate"),
    ],
    "shop": [
        ("菜市场", "Market"), ("广场", "Plaza"), ("便民超市", "Supermarket"), ("商业街", "Shopping Street"),
    ],
    "office": [("大厦", "Tower"), ("科技园", "Science Park"), ("写字楼", "Offices")],
}  # fmt: skip


class Names:
    """Draws two-syllable names, each once in a town (640 of them)."""

    def __init__(self, rng: Stream) -> None:
        self._pairs = [
            (zh1 + zh2, en1 + ("'" if en2[0] in "aeo" else "") + en2)
            for zh1, en1 in _FIRST
            for zh2, en2 in _SECOND
        ]
        rng.shuffle(self._pairs)
        # A town that needs more names numbers its second lot, as towns do.
        self._pairs = [(zh + "二", en + " 2nd") for zh, en in self._pairs] + self._pairs
        self._rng = rng

    def street(self, direction: str) -> tuple[str, str]:
        """(English, Chinese) name of a street that runs `ns` or `ew`."""
        zh, en = self._pairs.pop()
        suffix_zh, suffix_en = STREET_SUFFIX[direction]
        return f"{en} {suffix_en}", zh + suffix_zh

    def site(self, kind: str) -> tuple[str, str]:
        """(English, Chinese) name of an `estate`, a `shop` or an `office`."""
        zh, en = self._pairs.pop()
        suffix_zh, suffix_en = self._rng.choice(SITE_SUFFIX[kind])
        return f"{en} {suffix_en}", zh + suffix_zh

    def place(self, suffix_zh: str, suffix_en: str) -> tuple[str, str]:
        """(English, Chinese) name of anything else."""
        zh, en = self._pairs.pop()
        return f"{en} {suffix_en}", zh + suffix_zh
