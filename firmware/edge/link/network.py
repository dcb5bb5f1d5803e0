"""The one way to a network: Wi-Fi or a modem, behind one interface.

A bearer has `async up(deadline_ms)` (raises EdgeError with a code), `async down()`, `off()` (at once),
`is_up()`, `signal_dbm()`, `well()` (told when the other end has answered), `code` (of the last failure) and
`up_ms` (how long a start may need).
"""

from edge.keep import Keep

if False:  # for types
    from typing import Any

    from edge.drivers.modem import Modem
    from edge.link.cellular import Cellular
    from edge.link.wifi import Wifi


# Failures that no waiting mends: recorded at once. Others are when they come so often in a row.
NEEDS_HANDS = "sim-missing sim-pin sim-puk sim-failure apn-refused wifi-password modem-silent"
TOLD_FAILS = 3


def bearer(settings: "dict[str, Any]", modem: "Modem | None", keep: Keep) -> "Wifi | Cellular":
    """The bearer of a unit: over its modem if it has one, unless `network.bearer` is `wifi`. The other one is
    not loaded.
    """
    if modem is not None and settings.get("bearer") != "wifi":
        from edge.link.cellular import Cellular

        return Cellular(modem, settings, keep)
    from edge.link.wifi import Wifi

    return Wifi(settings.get("ssid", ""), settings.get("password", ""))
