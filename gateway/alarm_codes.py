"""The gateway's own alarms: every condition that it can raise, in one table.

A row says how bad the condition is, when it counts (on-delay and off-delay as in ISA-18.2, so that what
flaps is told once), what it is in words, and what a person can do. `gateway.alarms` decides which of them
stand. A code is stable for ever: it is in logs, in `/metrics` and on the page.
"""

from typing import Literal, NamedTuple

Level = Literal["alarm", "warning"]


class AlarmCode(NamedTuple):
    """One condition.

    `alarm`: somebody is needed now. `warning`: it can be planned. `on_s`: how long a condition must last
    before it is raised; `off_s`: how long it must be gone before it is cleared.
    """

    code: str
    level: Level
    on_s: float
    off_s: float
    en: str
    en_do: str
    zh: str
    zh_do: str


ALARMS: dict[str, AlarmCode] = {
    row.code: row
    for row in (
        # -- processes
        AlarmCode(
            "process-down",
            "alarm",
            5,
            0,
            "A process of the gateway is not running.",
            "Nothing is lost. See its log; start it: huishou gateway --config huishou.toml.",
            "网关的一个进程没有运行。",
            "数据不会丢失。请查看日志并启动：huishou gateway --config huishou.toml。",
        ),
        AlarmCode(
            "process-restarts",
            "alarm",
            0,
            120,
            "A process dies again and again; it is started anew each time.",
            "Its log has the reason of each end. Report it when it is not the disk or the configuration.",
            "一个进程反复退出，每次都会重新启动。",
            "日志中有每次退出的原因；若非磁盘或配置问题，请上报。",
        ),
        AlarmCode(
            "config-invalid",
            "warning",
            0,
            0,
            "The settings in the file are wrong; the former ones stay in force.",
            "The detail names the key. `huishou config check` lists all mistakes.",
            "配置文件有误；仍使用原来的设置。",
            "详情写明了键名；`huishou config check` 列出全部错误。",
        ),
        AlarmCode(
            "config-restart",
            "warning",
            0,
            0,
            "A setting was changed that is only taken at a start.",
            "Restart the gateway when convenient, or change the setting back.",
            "更改了只有重启后才生效的设置。",
            "请择时重启网关，或改回该设置。",
        ),
        AlarmCode(
            "devices-invalid",
            "warning",
            0,
            0,
            "The devices file is wrong; the former list stays in force.",
            "The detail has the place. Correct the file; it is read again at once.",
            "设备文件有误；仍使用原来的清单。",
            "详情写明了位置；改正后会立即重新读取。",
        ),
        AlarmCode(
            "clock-wrong",
            "alarm",
            0,
            600,
            "The clock of this machine is wrong: it was set by more than it may drift.",
            "Check its time service (timedatectl). Times of records without a clock are affected.",
            "本机时钟有误：其变化超出了正常漂移。",
            "请检查对时服务（timedatectl）；没有自身时间的记录会受影响。",
        ),
        # -- intake
        AlarmCode(
            "intake-stalled",
            "alarm",
            0,
            10,
            "Messages wait and none is stored: intake is stuck.",
            "Look at the disk. Intake is started anew by itself; devices keep their records.",
            "消息在等待而未入库：接收进程停滞。",
            "请检查磁盘。接收进程会自动重启；设备会保留记录。",
        ),
        AlarmCode(
            "intake-silent",
            "alarm",
            0,
            0,
            "Connected to the broker, but nothing has arrived for long.",
            "Check the broker's access list and whether devices reach it; see mqtt.silent_s.",
            "已连接代理，但长时间没有收到任何消息。",
            "请检查代理的访问控制与设备连接；参见 mqtt.silent_s。",
        ),
        AlarmCode(
            "broker-away",
            "alarm",
            15,
            30,
            "The broker cannot be reached. Devices keep their records.",
            "Check that the broker runs, its address and the network; intake goes on by itself.",
            "无法连接消息代理。设备会保留记录。",
            "请检查代理是否运行、其地址与网络；恢复后自动继续。",
        ),
        AlarmCode(
            "broker-refused",
            "alarm",
            0,
            30,
            "The broker refuses the gateway or its subscription.",
            "Check user name, password and access list at the broker; the detail has its words.",
            "代理拒绝网关的连接或订阅。",
            "请检查代理上的用户名、密码与访问控制；详情为代理原话。",
        ),
        AlarmCode(
            "session-taken",
            "alarm",
            0,
            60,
            "Another client uses the gateway's client id: the two throw each other out.",
            "Stop the other one, or give each its own mqtt.client_id.",
            "另一客户端使用了网关的 client id，双方互相踢下线。",
            "请停用另一个，或为各自设置不同的 mqtt.client_id。",
        ),
        AlarmCode(
            "station-away",
            "warning",
            60,
            60,
            "A polled station cannot be read. Its memory keeps the weighings.",
            "The detail has the reason; see the station's page.",
            "轮询的站点无法读取。其存储会保留称重记录。",
            "原因见详情；请查看站点页面。",
        ),
        AlarmCode(
            "device-floods",
            "warning",
            0,
            120,
            "A device sends far more than its share; what is over it is put off, not lost.",
            "Look at the device: a fault, or a long backlog. Replace its firmware or block its account.",
            "某设备发送量远超其份额；超出部分被推迟，不会丢失。",
            "请检查该设备：故障或积压过多；可更换固件或停用其账号。",
        ),
        AlarmCode(
            "gap-open",
            "warning",
            600,
            0,
            "Records are missing in the middle of a device's log; they were asked for.",
            "Nothing if it closes. Else look at the device: a message may fail again and again.",
            "设备日志中间缺少记录；已向设备索取。",
            "若自行补齐则无需处理；否则请检查该设备是否有消息反复失败。",
        ),
        AlarmCode(
            "records-lost",
            "warning",
            0,
            0,
            "Records were lost within the last 24 hours: no one holds them any more.",
            "`huishou journal stat` lists device, numbers and cause. Check those devices' memory.",
            "过去 24 小时内有记录丢失：已无任何一方保存。",
            "`huishou journal stat` 列出设备、编号与原因；请检查这些设备的存储。",
        ),
        # -- journal
        AlarmCode(
            "journal-full",
            "alarm",
            0,
            10,
            "The disk is full: nothing is stored nor acknowledged. Devices keep their records.",
            "Free space or enlarge the disk; intake goes on by itself.",
            "磁盘已满：不再入库，也不再确认。设备会保留记录。",
            "请释放空间或扩容；接收会自动恢复。",
        ),
        AlarmCode(
            "journal-io",
            "alarm",
            0,
            10,
            "The disk reports errors: nothing is stored nor acknowledged.",
            "Check the disk (dmesg, smartctl) and replace it; intake tries again by itself.",
            "磁盘报错：不再入库，也不再确认。",
            "请检查磁盘（dmesg、smartctl）并更换；接收会自动重试。",
        ),
        AlarmCode(
            "journal-locked",
            "alarm",
            5,
            10,
            "Another program holds the journal.",
            "Find it (fuser store/journal.db) and stop it; intake goes on by itself.",
            "日志文件被其他程序占用。",
            "请查明（fuser store/journal.db）并停止该程序；接收会自动恢复。",
        ),
        AlarmCode(
            "journal-failed",
            "alarm",
            0,
            10,
            "The journal cannot be used: nothing is stored nor acknowledged.",
            "The detail has the reason. Intake tries again by itself; devices keep their records.",
            "日志无法使用：不再入库，也不再确认。",
            "原因见详情。接收会自动重试；设备会保留记录。",
        ),
        AlarmCode(
            "journal-corrupt",
            "alarm",
            0,
            0,
            "The journal was damaged. The damaged file was set aside, what is sound was saved.",
            "Check the disk; keep the set-aside file until it is understood, then remove it: this ends.",
            "日志曾损坏。损坏的文件已另存，完好部分已恢复。",
            "请检查磁盘；查明之前保留另存文件，删除后本警报结束。",
        ),
        AlarmCode(
            "row-damaged",
            "alarm",
            0,
            0,
            "A stored record no longer matches its check sum. It is not used.",
            "Check the disk; `huishou journal verify` lists what is damaged. Restore from a backup.",
            "一条已存记录与校验和不符，未被使用。",
            "请检查磁盘；`huishou journal verify` 列出损坏部分；可从备份恢复。",
        ),
        AlarmCode(
            "sum-wrong",
            "alarm",
            0,
            0,
            "The counts do not add up: received is not the sum of the outcomes.",
            "Stop billing on these figures; run `huishou journal verify` and report what it finds.",
            "计数不符：收到数不等于各结果之和。",
            "请暂停据此结算；运行 `huishou journal verify` 并上报结果。",
        ),
        AlarmCode(
            "disk-low",
            "warning",
            0,
            300,
            "Little space is left on the store's disk.",
            "Free space, enlarge the disk, or shorten [journal] keep_days.",
            "数据所在磁盘剩余空间不足。",
            "请释放空间、扩容，或缩短 [journal] keep_days。",
        ),
        AlarmCode(
            "retention-near",
            "warning",
            0,
            600,
            "The journal nears its limit: its oldest rows are dropped soon.",
            "Back up what must be kept, or raise [journal] keep_days or keep_gb.",
            "日志接近保留上限：最旧的数据即将删除。",
            "请备份需要保留的数据，或提高 [journal] keep_days、keep_gb。",
        ),
        AlarmCode(
            "retention-blocked",
            "warning",
            0,
            600,
            "The journal is over its limit, but a reader still needs the oldest rows: none is dropped.",
            "Repair the reader that is behind (a database that is away?), or remove its sink.",
            "日志已超上限，但仍有读取方需要最旧数据，暂不删除。",
            "请修复落后的读取方（数据库离线？），或移除该输出。",
        ),
        AlarmCode(
            "quarantine-overflow",
            "warning",
            0,
            600,
            "A device was refused so often that its entries are counted, not kept.",
            "Look at the device: its firmware speaks another language, or the line is damaged.",
            "某设备被拒收次数过多：只计数，不再逐条留存。",
            "请检查该设备：固件协议不符或线路损坏。",
        ),
        # -- writer
        AlarmCode(
            "sink-away",
            "warning",
            15,
            30,
            "A database cannot be reached. The journal keeps everything; the writer catches up.",
            "Start the database or repair the network to it.",
            "无法连接数据库。日志保留全部数据，恢复后自动补写。",
            "请启动数据库或修复网络。",
        ),
        AlarmCode(
            "sink-stopped",
            "alarm",
            0,
            10,
            "A database says no: writing to it has stopped. The journal keeps everything.",
            "Check token, organisation and bucket; a repaired token is taken at once.",
            "数据库拒绝写入，已停止。日志保留全部数据。",
            "请检查 token、组织与 bucket；修复后的 token 立即生效。",
        ),
        AlarmCode(
            "sink-behind",
            "warning",
            0,
            30,
            "A database lags behind the journal by more than two minutes.",
            "Nothing while it catches up. If it grows, the database is too slow or away.",
            "数据库落后日志两分钟以上。",
            "补写期间无需处理；若持续增大，说明数据库过慢或离线。",
        ),
        AlarmCode(
            "line-refused",
            "warning",
            0,
            600,
            "A database refused records; the journal keeps them.",
            "The detail has its words. Repair the cause, then write them again.",
            "数据库拒收部分记录；日志中仍保留。",
            "详情为数据库原话；排除原因后可重新写入。",
        ),
        AlarmCode(
            "sink-drops",
            "warning",
            0,
            600,
            "A database takes records and does not keep them as they are, without saying so in its answer.",
            "The detail says what. Change how that server is started, then have its data written anew.",
            "数据库表面接受记录，实际未按原样保存。",
            "详情说明原因；请修改该服务器的启动参数，然后重新写入数据。",
        ),
        AlarmCode(
            "bucket-missing",
            "alarm",
            0,
            10,
            "The bucket is not there and could not be made.",
            "Make it, or give a token that may (`create_bucket` needs the right to write buckets).",
            "bucket 不存在且无法自动创建。",
            "请手动创建，或提供有权创建 bucket 的 token。",
        ),
        # -- web
        AlarmCode(
            "page-behind",
            "warning",
            30,
            30,
            "The page lags behind the journal: what it shows is not the newest.",
            "Nothing while it catches up after a start; else look at its log.",
            "页面落后于日志：所示并非最新。",
            "启动后补齐期间无需处理；否则请查看日志。",
        ),
        AlarmCode(
            "store-unreadable",
            "alarm",
            0,
            10,
            "The store cannot be read now: the figures are not the newest.",
            "Check the disk and the rights on the store's directory.",
            "暂时无法读取数据目录：所示数字并非最新。",
            "请检查磁盘以及数据目录的权限。",
        ),
    )
}
UNKNOWN = AlarmCode("", "warning", 0, 0, "", "", "", "")


def row(code: str) -> AlarmCode:
    """The row of a code; for one that is not in the table a warning without words."""
    return ALARMS.get(code, UNKNOWN)
