"""What people read at the bin: each sentence in Chinese and English, one line each."""

SHOW_TOKEN = ("请刷卡或扫码", "Show your card or code")
WAIT = ("请稍候", "One moment")
OPEN = ("请开门投放", "Open the door")
PUT_IN = ("请投放，然后关门", "Put it in, then close the door")
CLOSE = ("请关门", "Please close the door")
WEIGHING = ("正在称重", "Weighing")
NOTHING = ("未检测到投放", "Nothing was put in")
REMOVED = ("重量减少", "Weight went down")
REFUSED = ("暂停使用", "Out of service")
UNSTABLE = ("称重不稳定", "The scale did not settle")
COLLECTED = ("已清运", "Collected")
THANKS = "谢谢 / Thank you"


def open_only(numbers: str) -> "tuple[str, str]":
    """The other bays are out of service."""
    return "请开 " + numbers + " 号门投放", "Use door " + numbers


def kilograms(grams: int) -> str:
    """1.25 kg, in integers."""
    sign = "-" if grams < 0 else ""
    grams = abs(grams)
    return "%s%d.%02d kg" % (sign, (grams + 5) // 1000, (grams + 5) % 1000 // 10)
