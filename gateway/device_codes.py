"""What devices report as wrong: a code, what it means, what to do. For the page and the crew.

The codes are the firmware's (records of kind `fault`, and its console). Others are shown as they are.
"""

from gateway.codes import Code

DEVICE_CODES: dict[str, Code] = {
    row.code: row
    for row in (
        Code(
            "scale-silent",
            "The scale's converter gives no value.",
            "Check the converter's supply, data and clock wires; then replace the converter board.",
            "秤的转换器没有输出。",
            "检查转换器的供电及数据、时钟线；无效则更换转换板。",
        ),
        Code(
            "scale-at-rail",
            "The load cell is not connected.",
            "Push its plug in; look for a crushed or cut cable; else replace the cell and calibrate.",
            "称重传感器未连接。",
            "插紧传感器插头，检查线缆有无压断；更换传感器后须重新校准。",
        ),
        Code(
            "scale-garbled",
            "The scale's converter is disturbed while it is read.",
            "Check the wires to the converter for loose contacts and for motor cables alongside.",
            "读取秤的转换器时受到干扰。",
            "检查转换器接线是否松动、是否与电机线并行。",
        ),
        Code(
            "scale-stuck",
            "The scale's converter gives the same value again and again.",
            "Check its data wire for a short; unplug and plug the unit; then replace the converter board.",
            "秤的转换器输出始终不变。",
            "检查数据线有无短路，断电重启；无效则更换转换板。",
        ),
        Code(
            "scale-no-excitation",
            "The load cell has no supply: no signal, whatever the load.",
            "Check the cell's two supply wires (E+, E-) and that the platform is in place.",
            "称重传感器没有供电，负载变化无信号。",
            "检查传感器供电线（E+、E-），并确认秤台在位。",
        ),
        Code(
            "scale-noisy",
            "The scale's signal is noisy although nobody is there.",
            "Look for water, a loose joint, a worn cable; else replace the cell and calibrate.",
            "无人操作时秤的信号噪声过大。",
            "检查接线盒是否进水、接头是否松动、线缆是否磨损；更换传感器后须重新校准。",
        ),
        Code(
            "scale-jumps",
            "Single values of the scale are wrong: clock pulses get lost.",
            "Check clock and data wires: short, screened, far from motor cables. It sells no weight now.",
            "秤的个别读数错误：时钟脉冲丢失。",
            "检查时钟线和数据线：尽量短、带屏蔽、远离电机线。期间不计重。",
        ),
        Code(
            "zero-drift",
            "The scale's weight moves although the doors are shut.",
            "Empty the bay, clean below the platform, set zero; if it moves again, replace the cell.",
            "箱门关闭时秤的示值仍在漂移。",
            "清空并清理秤台下方后置零；若再次漂移，更换传感器。",
        ),
        Code(
            "scale-contact",
            "Something holds the platform: it does not return to zero, or no load moves it.",
            "Free the gap around and under the platform; then weigh a known mass and set zero.",
            "秤台受阻：不回零或加载无变化。",
            "清除秤台四周和下方的异物，再用已知重物检验并置零。",
        ),
        Code(
            "scale-overload",
            "More than Max lies on the scale.",
            "Empty the bay; look at the platform and the cell for damage.",
            "秤超载。",
            "清空箱体，检查秤台和传感器有无损坏。",
        ),
        Code(
            "scale-not-calibrated",
            "The scale is fitted but has no calibration.",
            "Calibrate it before the bin is opened to people.",
            "秤已安装但没有校准数据。",
            "投入使用前请先校准。",
        ),
        Code(
            "unstable",
            "The scale does not come to rest.",
            "Free the platform: nothing may touch it. In wind, close the doors and try again.",
            "秤的读数不稳定。",
            "检查秤台是否被卡住或有物倚靠；有风时关好门再试。",
        ),
        Code(
            "ranger-silent",
            "The fill sensor gives no answer.",
            "Check its plug and its supply; then replace it.",
            "满溢传感器无响应。",
            "检查插头和供电；无效则更换。",
        ),
        Code(
            "ranger-no-echo",
            "The fill sensor sees nothing it can measure.",
            "Wipe its face; remove what hangs before it; check that it looks straight down.",
            "满溢传感器测不到有效距离。",
            "擦净探头，清除遮挡物，确认其垂直向下。",
        ),
        Code(
            "ranger-garbled",
            "The fill sensor's answers cannot be read.",
            "Check its plug and that the right type is fitted; then replace it.",
            "满溢传感器的数据无法读取。",
            "检查插头及型号是否正确；无效则更换。",
        ),
        Code(
            "ranger-dirty",
            "The fill sensor often sees nothing.",
            "Wipe its face; soft material right below it swallows sound, so look there too.",
            "满溢传感器经常测不到回波。",
            "擦净探头；正下方的松软物会吸收声波，也请检查。",
        ),
        Code(
            "ranger-blocked",
            "Something hangs before the fill sensor; the fill is not known.",
            "Remove what hangs there: a bag, a cobweb, ice.",
            "满溢传感器被遮挡，满溢度未知。",
            "清除遮挡物：塑料袋、蛛网或冰。",
        ),
        Code(
            "ranger-not-set",
            "The settings hold no usable distances for the fill sensor.",
            "Measure to the empty floor and to the brim; set empty_mm and full_mm of the bay.",
            "设置中没有满溢传感器的有效距离。",
            "测量到空箱底和到箱口的距离，设置该仓的 empty_mm 和 full_mm。",
        ),
        Code(
            "lock-jammed",
            "The bolt did not follow.",
            "Press the door shut and look for what blocks the bolt; clean and grease it; check its switch.",
            "锁舌没有动作。",
            "推紧箱门，清除卡住锁舌的异物并润滑；检查到位开关。",
        ),
        Code(
            "door-left-open",
            "The door was left open.",
            "Close it; if it is closed, check the door switch.",
            "门未关。",
            "请关门；若门已关好，检查门磁开关。",
        ),
        Code(
            "switch-conflict",
            "Bolt switch and door switch contradict each other.",
            "Check both switches: one is stuck or its wire is off.",
            "锁舌开关与门磁开关互相矛盾。",
            "检查两个开关：其中一个卡住或断线。",
        ),
        Code(
            "sensor-range",
            "The sensor's voltage is outside its range.",
            "Check its wires: one is off or shorted.",
            "传感器电压超出范围。",
            "检查接线：断路或短路。",
        ),
        Code(
            "button-stuck",
            "The user button is stuck.",
            "Free or replace the button; the bin cannot sleep while it is down.",
            "按键卡住。",
            "修复或更换按键；按键一直按下时设备无法休眠。",
        ),
        Code(
            "overheated",
            "The bin is too hot or burns; it stays locked.",
            "Keep away, look for smoke, call the fire brigade if there is any. Open it only when cold.",
            "箱体过热或起火，已锁闭。",
            "勿靠近，观察有无冒烟，如有请拨打 119；冷却后才可打开。",
        ),
        Code(
            "battery-low",
            "The battery is low.",
            "Clean the panel; look for new shade; measure the battery at rest, replace it when weak.",
            "电池电量低。",
            "清洁光伏板，检查是否有新的遮挡；静置测量电池，低于限值请更换。",
        ),
        Code(
            "gnss-silent",
            "The satellite receiver gives no data.",
            "Check its plug and its supply; then replace it.",
            "卫星定位模块无数据。",
            "检查插头和供电；无效则更换。",
        ),
        Code(
            "log-full",
            "The flash log is full: new readings, then weighings, are refused.",
            "Restore the connection; what is stored is sent and freed by itself.",
            "闪存日志已满：先停读数，再停称重。",
            "恢复网络连接后会自动上传并释放空间。",
        ),
        Code(
            "log-unreadable",
            "The flash log cannot be read.",
            "Do not erase it: replace the board and send it in, its records may still be saved.",
            "闪存日志无法读取。",
            "请勿擦除：更换主板并寄回，记录仍可能恢复。",
        ),
        Code(
            "hours-damaged",
            "The opening hours in the settings cannot be read; the bin is open all day.",
            "The detail names the field. Correct the hours and send the settings again.",
            "设置中的开放时间无法读取；箱体全天开放。",
            "详情中写明了字段。请更正开放时间并重新下发设置。",
        ),
        Code(
            "hours-held",
            "The time is not known since power came on; the last trusted rule of the opening hours holds.",
            "Restore the connection, so that the clock is set. The detail says what holds, open or closed.",
            "上电后时间未知；开放时间按最后一次可信时间的规则执行。",
            "请恢复网络以便校时。详情中写明目前开放还是关闭。",
        ),
        Code(
            "tokens-damaged",
            "A rule for cards, numbers or QR codes in the settings cannot be used; it is left out.",
            "The detail names the rule. Correct it, send the settings again; without a rule any card opens.",
            "设置中有卡、号码或二维码规则无法使用，已忽略该条。",
            "详情中写明是哪一条。请更正并重新下发；没有有效规则时任何卡都能开门。",
        ),
        Code(
            "reader-noisy",
            "The card reader gives noise, visit after visit.",
            "Check its plug, its cable and its baud rate; clean its window; then replace it.",
            "读卡器连续多次只输出乱码。",
            "检查插头、线缆和波特率，擦净读取窗口；无效则更换。",
        ),
        Code(
            "task-died",
            "A part of the firmware ended and was started again.",
            "Report device, firmware and detail; update the firmware.",
            "固件的一个任务异常结束并已重启。",
            "请上报设备号、固件版本和详情，并升级固件。",
        ),
        Code(
            "ntp-failed",
            "The clock could not be set from the network.",
            "Check that the network lets the time server through.",
            "无法通过网络校时。",
            "检查网络是否放行时间服务器。",
        ),
        Code(
            "network-unreachable",
            "The radio does not find its network.",
            "Check the antenna's plug and the network's name. Weighings are kept on the device.",
            "搜索不到网络。",
            "检查天线插头和网络名称。称重数据暂存于设备。",
        ),
        Code(
            "link-no-broker",
            "The network is there, the gateway does not answer.",
            "Ask the control room whether the gateway runs. Weighings are kept on the device.",
            "网络正常，但网关无应答。",
            "请向控制室确认网关是否运行。称重数据暂存于设备。",
        ),
        Code(
            "mqtt-refused",
            "The gateway refused this device.",
            "Name or password is not known there: provision the unit again, or ask the control room.",
            "网关拒绝了该设备。",
            "设备名或口令不被认可：重新配置，或联系控制室。",
        ),
        Code(
            "clock-not-set",
            "The clock is not set.",
            "It sets itself when the unit has a connection; records are dated afterwards.",
            "时钟未校准。",
            "联网后会自动校时，之前的记录随后补上时间。",
        ),
        Code(
            "clock-off",
            "The clock is wrong (or this laptop's is).",
            "Compare with a phone. If the unit is wrong, let it connect; else replace the board.",
            "时钟不准（也可能是本机时钟不准）。",
            "先与手机对照；若设备不准，联网校时，仍不准则更换主板。",
        ),
        Code(
            "log-behind",
            "Many records wait to be sent.",
            "They are safe. Look at the connection; on return they are sent by themselves.",
            "有大量记录等待上传。",
            "数据安全。请检查网络，恢复后自动上传。",
        ),
        Code(
            "link-failed",
            "The last connection failed.",
            "Check the antenna and try again. Weighings are kept on the device.",
            "最近一次连接失败。",
            "检查天线后重试。称重数据暂存于设备。",
        ),
    )
}


def meaning(code: str, lang: str) -> tuple[str, str] | None:
    """What a device's code means and what to do, in `en` or `zh-CN`; None: not in the table."""
    row = DEVICE_CODES.get(code)
    if row is None:
        return None
    return (row.zh, row.zh_do) if lang == "zh-CN" else (row.en, row.en_do)
