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
        # How a polled station is doing (gateway.modbus).
        Code(
            "unreachable",
            "No connection to the station, or its serial device is not there.",
            "Check power, cable and address; for a serial line also the device's path and rights.",
            "无法连接站点，或串口设备不存在。",
            "请检查供电、线缆与地址；串口还需检查设备路径与权限。",
        ),
        Code(
            "no-answer",
            "The station does not answer in time. Nothing is lost: its memory is read when it answers.",
            "Check that it is switched on, its unit number and baud rate, and the line's termination.",
            "站点未按时应答。数据不会丢失：恢复后会读取其存储。",
            "请检查是否开机、从站号与波特率，以及线路终端电阻。",
        ),
        Code(
            "wrong-answer",
            "An answer came that belongs to another request. It was not used.",
            "When it repeats: two devices share a unit number, or the time-out is too short for the line.",
            "收到属于其他请求的应答，未采用。",
            "若反复出现：两台设备共用从站号，或超时设置对该线路过短。",
        ),
        Code(
            "refused",
            "The station refuses the request: it does not have these registers.",
            "Check that the register map in the configuration is the one of this indicator.",
            "站点拒绝请求：没有这些寄存器。",
            "请确认配置中的寄存器表与该仪表一致。",
        ),
        Code(
            "line-noise",
            "The serial line does not fall silent.",
            "Look for a second master on the line, a loose shield, or missing bias resistors.",
            "串行线路一直不静默。",
            "请检查线路上是否有第二个主站、屏蔽层松动或缺少偏置电阻。",
        ),
        Code(
            "bus-busy",
            "Other stations kept the line for a whole minute.",
            "Poll them less often, shorten their time-outs, or repair the one that does not answer.",
            "线路被其他站点占用超过一分钟。",
            "请降低轮询频率、缩短超时，或修复不应答的站点。",
        ),
        Code(
            "wrong-length",
            "An answer of another length came than was asked for. It was not used.",
            "Nothing when it is rare; else see wrong-answer.",
            "应答长度与请求不符，未采用。",
            "偶发无需处理；否则参见 wrong-answer。",
        ),
        Code(
            "wrong-check",
            "The check sum over what was read is wrong. It was not used.",
            "Check cable, shield and earth of the line.",
            "读取内容的校验和错误，未采用。",
            "请检查线缆、屏蔽与接地。",
        ),
        Code(
            "not-text",
            "A text register does not hold UTF-8.",
            "Set the indicator's character set to ASCII or UTF-8.",
            "文本寄存器的内容不是 UTF-8。",
            "请将仪表字符集设为 ASCII 或 UTF-8。",
        ),
        Code(
            "wrong-weighing",
            "The indicator showed another weighing than the one asked for. It was not used.",
            "When it repeats, another master is using the indicator's memory window: stop it.",
            "仪表给出的不是所请求的称重记录，未采用。",
            "若反复出现，说明有其他主站在使用该存储窗口，请停用。",
        ),
        Code(
            "not-held",
            "The indicator does not hold a weighing that it says it holds.",
            "When it stays, its memory is damaged: call the maker, and read the memory by hand.",
            "仪表声称保存的称重记录实际不存在。",
            "若持续出现，说明存储损坏：请联系厂家并人工读取存储。",
        ),
        Code(
            "not-an-indicator",
            "The numbers that were read cannot be those of an indicator.",
            "Check address, unit number and register map: this may be another device.",
            "读到的数据不可能来自称重仪表。",
            "请检查地址、从站号与寄存器表：可能连接了别的设备。",
        ),
        Code(
            "numbers-went-back",
            "The indicator's memory ends before what is journaled: it was reset or replaced.",
            "Nothing is read till then: give it a serial number of its own; its weighings start a new log.",
            "仪表存储的末号小于已入库的编号：仪表被复位或更换，暂停读取。",
            "请为仪表设置独有的序列号；其称重记录将另起一份日志。",
        ),
        Code(
            "intake-failed",
            "The station's weighings could not be journaled; they stay in its memory, to be asked for again.",
            "Look at intake's own state: usually the disk is full.",
            "站点的称重记录未能入库；仍在仪表存储中，会再次读取。",
            "请查看接收进程的状态：通常是磁盘已满。",
        ),
    )
}
