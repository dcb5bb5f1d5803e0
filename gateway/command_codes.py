"""What a device answers to a command: a code, what it means, what to do. For `huishou device`."""

from gateway.codes import Code

COMMAND_CODES: dict[str, Code] = {
    row.code: row
    for row in (
        Code(
            "bad-mac",
            "The command is not signed with the device's key.",
            "Compare `key` in the device's settings with the keys file.",
            "命令签名与设备密钥不符。",
            "核对设备设置中的 key 与密钥文件。",
        ),
        Code(
            "bad-command",
            "The device cannot read the command.",
            "Update gateway or firmware: one is older than the other.",
            "设备无法解析该命令。",
            "请更新网关或固件，二者版本不一致。",
        ),
        Code(
            "bad-args",
            "The device cannot do this with these arguments.",
            "The result says which; see `huishou device settings`.",
            "设备无法按这些参数执行。",
            "结果中注明了参数；参见 `huishou device settings`。",
        ),
        Code(
            "unsupported",
            "This unit has no such command.",
            "See `huishou device settings`; a unit in safe mode has few commands.",
            "该设备不支持此命令。",
            "参见 `huishou device settings`；安全模式下命令很少。",
        ),
        Code(
            "clock-unknown",
            "The device does not know the time yet, so not whether the command has expired.",
            "Nothing: it is sent again until it expires.",
            "设备尚不知道时间，无法判断命令是否过期。",
            "无需处理：过期前会重发。",
        ),
        Code(
            "exp-too-far",
            "By the device's clock the command expires too far ahead.",
            "Look at its clock; the command is sent again until it expires.",
            "按设备时钟，命令的有效期过长。",
            "检查设备时钟；过期前会重发。",
        ),
        Code(
            "busy",
            "The device is busy with a visitor or with other commands.",
            "Ask again in a few minutes.",
            "设备正忙于服务用户或执行其他命令。",
            "几分钟后重试。",
        ),
        Code(
            "supply-low",
            "The battery is so low that nothing may be written.",
            "Charge or replace the battery; the command is sent again until it expires.",
            "电池电压过低，不能写入。",
            "请充电或更换电池；过期前会重发。",
        ),
        Code(
            "not-begun",
            "The device started anew before it began.",
            "Nothing was done: ask again.",
            "设备在执行前重新启动。",
            "未执行任何操作：请重试。",
        ),
        Code(
            "interrupted",
            "The device started anew in the middle: nobody knows how far it came.",
            "Look at the records of its doors before you ask again.",
            "设备在执行中重新启动，不知执行到何处。",
            "重试前请查看门的记录。",
        ),
        Code(
            "forgotten",
            "The device no longer knows whether it has carried this out.",
            "Look at the records of its doors before you ask again.",
            "设备已不记得是否执行过该命令。",
            "重试前请查看门的记录。",
        ),
        Code(
            "never-sent",
            "The command expired before it could be sent.",
            "See that the gateway runs and reaches the broker; ask again.",
            "命令在发送前已过期。",
            "检查网关是否运行并连上消息服务器；请重试。",
        ),
        Code(
            "no-answer",
            "The device has not answered.",
            "It is asked again when it is back; hold it awake first (`hold-awake`), or press its button.",
            "设备没有应答。",
            "设备上线后会再次询问；可先用 `hold-awake` 保持唤醒，或按其按钮。",
        ),
        Code(
            "restored",
            "It was open in a backup that was restored. What became of it is not known; it is not sent anew.",
            "Look at the records of its doors before you ask again.",
            "恢复备份时该命令尚未结束，不知执行结果，不再发送。",
            "重试前请查看门的记录。",
        ),
        Code(
            "timeout",
            "It took too long.",
            "Run a self-test; look at its faults.",
            "执行超时。",
            "请执行自检并查看故障。",
        ),
        Code(
            "handler-died",
            "The program failed in the middle of it.",
            "Report it with the device's black box (`events` on its console).",
            "执行中程序出错。",
            "请连同设备黑匣子（控制台 `events`）一并上报。",
        ),
        Code(
            "self-test-failed",
            "A part is broken.",
            "The result names it, with what to do.",
            "有部件故障。",
            "结果中列出了部件及处理方法。",
        ),
        Code(
            "door-open",
            "The door stands open.",
            "Have it shut first.",
            "门是开着的。",
            "请先关门。",
        ),
    )
}
