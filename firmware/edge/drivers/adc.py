"""An analogue input in millivolts before its divider. 11 dB attenuation: 0 to 3.1 V at the ESP32-S3's pin."""

from machine import ADC, Pin


class Adc:
    def __init__(self, pin: int, scale_permille: int) -> None:
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)
        self._permille = scale_permille

    def read_mv(self) -> int:
        return self._adc.read_uv() * self._permille // 1_000_000
