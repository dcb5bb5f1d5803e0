"""What people read at the bin: one table, each text in Chinese and in English.

The display has 4 lines of 32 columns (256 x 64 dots in a 16-dot font; a Chinese character takes two columns).
A text has one or two lines a language: what is, and what to do. `%s` stands for what is filled in.
"""

from edge.measure.calendar import civil

COLUMNS, ROWS = 32, 4

# Three lines a text: its key, Chinese, English; " / " begins another line of the screen. (Of one long
# string only what is asked for ever leaves the flash.)
TEXTS = """
show-token
请刷卡、扫码或输入号码
Card, QR code or number, please

wait
请稍候
One moment

open
请开门投放
Open the door

open-only
请开 %s 号门投放
Use door %s

unweighed
秤未校准或待修，暂不称重 / 可以投放，不计重量
Scale not in order, not weighed / You may still put it in

put-in
请投放，然后关门
Put it in, then close the door

close
请关门
Please close the door

weighing
正在称重，请勿倚靠
Weighing, please do not lean

nothing
未检测到投放
Nothing was put in

removed
重量减少
Weight went down

unstable
称重不稳定，本次不计重 / 请勿触碰箱体
The scale did not settle / Not weighed this time

collected
已清运 %s
Collected %s

thanks
谢谢，%s
Thank you, %s

thanks-unweighed
谢谢，本次未称重 / 秤未校准或待修
Thank you, not weighed this time / The scale is not in order
"""

# Why nobody was let in or nothing was weighed, by the code of the session record, and what they can do.
REFUSALS = """
closed
现在不开放 / %s开放
Closed now / Opens %s

closed-unknown
现在不开放 / 开放时间请看箱体告示
Closed now / See the sign for the hours

overheated
箱体过热，请远离 / 起火请拨打 119
Too hot: keep away / In case of fire call 119

battery-low
电量不足，暂停使用 / 请用附近的回收箱
Battery low, no service now / Please use another bin

log-full
存储已满，暂停使用 / 请用附近的回收箱
Memory full, no service now / Please use another bin

door-open
箱门未关 / 请关好门后再试
A door is open / Close it, then try again

bay-full
箱已满，等待清运 / 请用附近的回收箱
Full, waiting for collection / Please use another bin

under-repair
设备待维修 / 请用附近的回收箱
Under repair / Please use another bin

out-of-service
暂停使用 / 请用附近的回收箱
Out of service / Please use another bin

token-unread
未读到卡或码 / 请重试
Card or code was not read / Please try again

token-unknown
无法识别此卡或码 / 请换卡或输入号码
Unknown card or code / Try a card or type your number

token-check
号码有误 / 请核对后重新输入
The number is wrong / Check it and type it again

token-forged
回收码无效 / 请刷新后再扫
The code is not valid / Refresh it and scan again

token-expired
回收码已过期 / 请刷新后再扫
The code has expired / Refresh it and scan again

token-early
回收码时间有误 / 请校准手机时间后刷新
The code is dated ahead / Set the phone's clock, refresh

token-used
回收码已使用过 / 请刷新后再扫
The code was used before / Refresh it and scan again

uncalibrated
秤未校准，本次不计重 / 可以投放
Scale not calibrated / Taken, but not weighed

leaning
有物倚靠箱体，本次不计重 / 请勿倚靠
Something leans on the bin / Not weighed this time

swaying
有风或有人倚靠，本次不计重 / 请勿触碰箱体
Wind, or somebody leans on it / Hands off, try again later

shaking
地面震动，本次不计重 / 请稍后再试
The ground shakes, not weighed / Please try again

creeping
读数未稳定，本次不计重 / 请稍后再试
The scale has not come to rest / Please try again

lid-open
箱盖未关好，本次不计重 / 请关好箱盖
The lid was not shut / Not weighed: please shut it

door-reopened
箱门再次被打开，不计重 / 请逐人投放
Door opened again, not weighed / One person at a time, please

zero-moved
秤刚被置零，本次不计重 / 请重新投放
Scale was set meanwhile / Not weighed this time

forced
箱门被强行打开 / 本次不计重
The door was forced / Not weighed this time

lock-jammed
锁舌卡住 / 请推紧箱门后再试
The bolt is stuck / Push the door shut, try again

door-left-open
箱门未关，本次不计重 / 请关好箱门
The door was left open / Not weighed: please shut it

switch-conflict
门磁开关异常，本次不计重 / 请联系维护人员
Door switch fault, not weighed / Please tell the operator

clock-unknown
暂时无法核对回收码 / 请刷卡或输入号码
Codes cannot be checked now / Use a card or your number
"""

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def lines(key: str, *filled: str) -> "tuple[str, ...]":
    """The lines of a text, Chinese first. `filled` goes into both languages."""
    found = _found(TEXTS, key)
    if found is None:
        raise KeyError(key)
    return _lines(found, filled, filled)


def refusal(code: str, opens: "tuple[str, str] | None" = None) -> "tuple[str, ...]":
    """Why nobody was let in or nothing was weighed, and what to do; `opens` as `when` gives it, for
    `closed`.
    """
    if code != "closed":
        opens = None
    elif not opens:
        code = "closed-unknown"
    if code.startswith("scale-"):
        code = "under-repair"
    found = _found(REFUSALS, code) or _found(REFUSALS, "out-of-service")
    assert found
    return _lines(found, opens[:1], opens[1:]) if opens else _lines(found, (), ())


def _found(table: str, key: str) -> "tuple[str, str] | None":
    """(Chinese, English) of a key; None: there is none."""
    at = table.find("\n" + key + "\n")
    if at < 0:
        return None
    chinese = at + len(key) + 2
    english = table.find("\n", chinese) + 1
    return table[chinese : english - 1], table[english : table.find("\n", english)]


def _lines(text: "tuple[str, str]", zh: "tuple[str, ...]", en: "tuple[str, ...]") -> "tuple[str, ...]":
    return tuple((text[0] % zh).split(" / ") + (text[1] % en).split(" / "))


def when(at_ms: int, now_ms: int, utc_min: int) -> "tuple[str, str]":
    """A coming time as people say it at the bin, in both languages: 今天18:00, 18:00 today."""
    local = at_ms + utc_min * 60_000
    _year, month, day, hour, minute, _second, _ms = civil(local)
    clock = "%02d:%02d" % (hour, minute)
    ahead = local // 86_400_000 - (now_ms + utc_min * 60_000) // 86_400_000
    if ahead == 0:
        return "今天" + clock, clock + " today"
    if ahead == 1:
        return "明天" + clock, clock + " tomorrow"
    return "%d月%d日%s" % (month, day, clock), "%s on %d %s" % (clock, day, _MONTHS.split()[month - 1])


def kilograms(grams: int) -> str:
    """A mass in kg, every digit that it has and no float: 1.25 kg, 1.255 kg."""
    sign, grams = "-" if grams < 0 else "", abs(grams)
    if grams % 10:
        return "%s%d.%03d kg" % (sign, grams // 1000, grams % 1000)
    return "%s%d.%02d kg" % (sign, grams // 1000, grams % 1000 // 10)
