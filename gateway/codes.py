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
    )
}
