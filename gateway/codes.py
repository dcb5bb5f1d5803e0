"""Reason codes: why a message or a record was refused or flagged, in words for the person who has to act.

One table for the whole gateway. A code is stable for ever: it is stored with what was refused, counted in
`/metrics` under its own name, and shown on the page in the operator's language. A new refusal is a new row.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """A reason code and what it means; `*_do` is what a person can do about it."""

    code: str
    en: str
    en_do: str
    zh: str
    zh_do: str


CODES: dict[str, Code] = {
    row.code: row
    for row in (
        Code(
            "bad-topic",
            "The message came on a topic that the contract does not have.",
            "Check the topic that the sender is configured with: huishou/1/<device>/up/<channel>.",
            "消息的主题不在协议之内。",
            "请检查发送方配置的主题：huishou/1/<设备>/up/<通道>。",
        ),
        Code(
            "oversize",
            "The message is longer than 16 KiB.",
            "Lower the number of records per message on the device, or update its firmware.",
            "消息超过 16 KiB。",
            "请减少设备每条消息的记录数，或升级固件。",
        ),
        Code(
            "not-utf8",
            "The message is not text in UTF-8.",
            "Look at the kept bytes: a damaged link, or a sender that does not speak this protocol.",
            "消息不是 UTF-8 文本。",
            "请查看留存的原始字节：线路损坏，或发送方使用了别的协议。",
        ),
        Code(
            "not-json",
            "The message is not valid JSON.",
            "Look at the kept bytes; when it repeats, the device's firmware is at fault: update it.",
            "消息不是有效的 JSON。",
            "请查看留存的原始字节；若反复出现，是设备固件的问题，请升级。",
        ),
        Code(
            "bad-envelope",
            "The outer part of the message (version, log, numbers) does not follow the contract.",
            "Compare it with schemas/ for the channel; update the device's firmware.",
            "消息外层（版本、日志号、序号）不符合协议。",
            "请对照 schemas/ 中该通道的定义，并升级设备固件。",
        ),
        Code(
            "unknown-version",
            "The message speaks a version of the contract that this gateway does not know.",
            "Update the gateway; the message is kept.",
            "消息使用了本网关不认识的协议版本。",
            "请升级网关；消息已留存。",
        ),
        Code(
            "bad-record",
            "A record does not follow the definition of its kind; its neighbours were taken.",
            "The detail names the field. Compare it with schemas/record.json; update the device's firmware.",
            "一条记录不符合其种类的定义；同一消息中的其他记录已接收。",
            "详情中写明了字段。请对照 schemas/record.json，并升级设备固件。",
        ),
        Code(
            "unknown-kind",
            "A record is of a kind that this gateway does not know. It is kept.",
            "Update the gateway; the device's firmware is newer.",
            "记录的种类本网关不认识，已留存。",
            "设备固件较新，请升级网关。",
        ),
        Code(
            "unknown-device",
            "The message comes from a device that is not in the list of devices. It is kept.",
            "Add the device to devices.json, or find out who is sending.",
            "消息来自设备清单之外的设备，已留存。",
            "请把设备加入 devices.json，或查明是谁在发送。",
        ),
        Code(
            "seq-conflict",
            "A record with this number was already received, with different content. The first one stands.",
            "The device's log was damaged or copied: compare both, and replace the log if it happens again.",
            "该序号的记录已收到过，但内容不同；以先收到的为准。",
            "设备日志可能损坏或被复制：请比较两者，若再次出现请更换日志。",
        ),
        Code(
            "seq-gap",
            "Records before this one are missing. They are asked for again; the device keeps them till then.",
            "Nothing, unless it stays: then look for a message that is refused again and again.",
            "此前的记录缺失；网关会再次索取，设备在此之前会一直保留。",
            "一般无需处理；若长期存在，请查看是否有消息反复被拒收。",
        ),
        Code(
            "seq-late",
            "The device had declared this record lost, and it came after all. It is taken.",
            "Nothing. When it repeats, the device's flash log may be worn: run a self-test.",
            "设备曾声明该记录已丢失，但它后来又到达；已接收。",
            "无需处理；若反复出现，设备闪存可能老化，请运行自检。",
        ),
        Code(
            "clock-none",
            "The device did not know the time; the time of arrival stands in its place.",
            "Check that the device reaches a time server or satellites.",
            "设备当时不知道时间；以到达时间代替。",
            "请检查设备能否连接时间服务器或接收卫星信号。",
        ),
        Code(
            "clock-future",
            "The record is dated more than a day ahead; the time of arrival stands in its place.",
            "Check the device's clock and its source; look for a wrong date in its settings.",
            "记录的时间超前一天以上；以到达时间代替。",
            "请检查设备时钟及其来源，以及设置中的日期。",
        ),
        Code(
            "clock-ahead",
            "The record is dated a little ahead of the gateway's clock.",
            "Compare the clocks of the device and of the gateway; both should follow a time server.",
            "记录的时间略微超前于网关时钟。",
            "请核对设备与网关的时钟，两者都应与时间服务器同步。",
        ),
        Code(
            "clock-past",
            "The record is dated before this system existed; the time of arrival stands in its place.",
            "Replace the device's clock battery, or check its time source.",
            "记录的时间早于本系统启用之前；以到达时间代替。",
            "请更换设备的时钟电池，或检查其时间来源。",
        ),
        Code(
            "clock-back",
            "The record is dated earlier than the one before it: the device's clock was set back.",
            "Nothing for a single one. When it repeats, check the device's time sources against each other.",
            "记录的时间早于前一条：设备时钟被回拨。",
            "偶发无需处理；若反复出现，请核对设备的各个时间来源。",
        ),
        Code(
            "other-unit",
            "A kind of record that such a unit does not make.",
            "Check the unit in devices.json, and the board file that the device was set up with.",
            "此类设备不应产生这种记录。",
            "请检查 devices.json 中的设备类型以及设备的板卡文件。",
        ),
        Code(
            "unknown-bay",
            "The record names a bay that this device does not have.",
            "Correct the bays in devices.json, or the device's settings.",
            "记录中的投口不属于该设备。",
            "请更正 devices.json 中的投口，或设备的设置。",
        ),
        Code(
            "wrong-category",
            "The material differs from the one that this bay is for.",
            "Correct the category in devices.json, or in the device's settings.",
            "物料类别与该投口的用途不一致。",
            "请更正 devices.json 或设备设置中的类别。",
        ),
        Code(
            "net-mismatch",
            "The weights contradict each other: net is not the difference of the two others. Not used.",
            "Do not bill it. Run the scale's self-test and look at the device's calibration.",
            "重量自相矛盾：净重不等于另两个值之差；未采用。",
            "请勿据此结算；请运行秤的自检并查看校准。",
        ),
        Code(
            "net-not-positive",
            "A net weight of zero or less, where something was put in or taken out.",
            "Look whether somebody took material out; if not, check the scale's zero.",
            "净重为零或负值，而此处应有物料投入或取出。",
            "请查看是否有人取走物料；否则请检查秤的零点。",
        ),
        Code(
            "over-capacity",
            "More than the bay can hold at once.",
            "Check the scale for something that leans on it, and the capacity in devices.json.",
            "超过该投口一次可容纳的量。",
            "请检查秤上是否有物体倚靠，并核对 devices.json 中的容量。",
        ),
        Code(
            "position-jump",
            "The vehicle cannot have driven here from its last position in this time.",
            "Nothing for a single one (a bad fix). When it repeats, check the antenna.",
            "车辆不可能在此时间内从上一位置行驶到这里。",
            "偶发为定位误差，无需处理；若反复出现，请检查天线。",
        ),
        Code(
            "speed-range",
            "A speed that such a vehicle cannot reach.",
            "Check the receiver's antenna and its view of the sky.",
            "车辆不可能达到的速度。",
            "请检查接收机天线及其天空视野。",
        ),
        Code(
            "temp-range",
            "A temperature that the electronics would not survive: the sensor is wrong.",
            "Replace the temperature sensor or its cable.",
            "电子设备无法承受的温度：传感器有误。",
            "请更换温度传感器或其线缆。",
        ),
        Code(
            "battery-range",
            "A supply voltage that this unit cannot have.",
            "Check the voltage divider and the board file that the device was set up with.",
            "该设备不可能有的供电电压。",
            "请检查分压电路以及设备的板卡文件。",
        ),
        Code(
            "line-refused",
            "The database refused this record; the journal keeps it.",
            "The detail has the database's words. Correct the cause there; the record can be written again.",
            "数据库拒收该记录；日志中仍保留。",
            "详情为数据库的原话；请在数据库侧排除原因，记录可重新写入。",
        ),
        Code(
            "decode-failed",
            "The gateway failed over this message: a fault of its own. It is kept.",
            "Report it with the kept bytes; the log has the place in the program.",
            "网关处理该消息时自身出错；消息已留存。",
            "请连同留存的原始字节一并上报；程序位置见日志。",
        ),
    )
}
