"""How telephone numbers are written in some countries; `prep.stages.pii.phone_kernels` explains the patterns.

Forms with a sign that tells them from other numbers come before plain runs of digits, of which only those are listed
that cannot easily be something else. Source: ITU-T E.123 and the national numbering plans.
"""

from collections.abc import Mapping
from typing import Literal

Region = Literal["AU", "BR", "CN", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "KR", "NL", "PL", "RU", "US"]

_NORTH_AMERICA = ("(NXX) NXX-XXXX", "(NXX)NXX-XXXX", "(NXX) NXX XXXX", "1_NXX_NXX_XXXX", "NXX_NXX_XXXX")

FORMATS: Mapping[Region, tuple[str, ...]] = {
    "AU": ("(0Z) XXXX XXXX", "0Z XXXX XXXX", "04XX XXX XXX", "1300 XXX XXX", "1800 XXX XXX"),
    "BR": ("(ZZ) 9XXXX-XXXX", "(ZZ) XXXX-XXXX", "ZZ 9XXXX-XXXX"),
    "CN": ("0XX-XXXXXXXX", "0XXX-XXXXXXXx", "1ZX_XXXX_XXXX", "1ZXXXXXXXXX"),
    "DE": ("0Zxxxx/XXXXxxxxx", "0Zxxxx-XXXXxxxxx", "(0Zxxxx) XXXXxxxxx", "0Zxxxx / XXXXxxxxx", "0Zxxxx XXXXxxxxx"),
    "ES": ("SXX_XXX_XXX", "SXX_XX_XX_XX"),
    "FR": ("0Z_XX_XX_XX_XX", "0ZXXXXXXXX"),
    "GB": (
        *("(0XX) XXXX XXXX", "(0XXX) XXX XXXX", "(0XXXX) XXXXXX", "0XX XXXX XXXX", "0XXX XXX XXXX", "0XXXX XXXXXX"),
        *("07XXX XXX XXX", "07XXXXXXXXX"),
    ),
    "IN": ("SXXXX_XXXXX", "0XX-XXXXXXXX", "0XXX-XXXXXXX"),
    "IT": ("0Xxx_XXXXXXxx", "3XX_XXXXXXx", "3XX_XXX_XXXX"),
    "JP": ("0X-XXXX-XXXX", "0X0-XXXX-XXXX", "0120-XXX-XXX", "0XX-XXX-XXXX", "0XXX-XX-XXXX"),
    "KR": ("0XX-XXXX-XXXX", "0XX-XXX-XXXX", "02-XXXX-XXXX", "02-XXX-XXXX", "1SXX-XXXX"),
    "NL": ("0X-XXXXXXXX", "0XX-XXXXXXX", "0XXX-XXXXXX", "0XX_XXX_XXXX"),
    "PL": ("ZXX_XXX_XXX", "(ZX) XXX XX XX", "ZX XXX XX XX"),
    "RU": ("8 (XXX) XXX-XX-XX", "8(XXX)XXX-XX-XX", "8-XXX-XXX-XX-XX", "8 XXX XXX-XX-XX", "8 XXX XXX XX XX"),
    "US": _NORTH_AMERICA,
}
