"""Tables for kernels: signs of trade marks and of registration, which pages raise behind names: `Foo<sup>TM</sup>`."""

from typing import Final

TRADE_SIGNS: Final = ("TM", "SM", "(TM)", "(SM)", "(tm)", "(sm)", "®", "™", "℠", "©")
LETTER_SIGNS: Final = ("(R)", "(C)", "(r)", "(c)")
"""Signs that behind a single letter are arguments: `f^(r)`."""
