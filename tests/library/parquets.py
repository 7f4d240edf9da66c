"""Parquet files that pyarrow 26 wrote, as Base64 of their zlib stream: kinds that Polars does not write."""

from __future__ import annotations

import base64
import zlib


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


OFFSET_ZONE = _unpacked(
    "eNpFUcFKw0AQnSyy9FAPghuysGAuCQhpbUQ9SC+zpWqppTVQpMdQQlTQxrQa8Bv8KD/BX/BPnN3E+GB3hjfz3gy7C0xiAUIJ"
    "FQlGCRdcAQAzx4Hv7tHPPgexJ6Nz8Ph2/ZA9p4IRETDP2QWHt58HKgIDl0klVQiKmgMOksqCSFe7OuxMFFkDCYfHXIbWnQos"
    "7LgapPK6mCTz+8va3vtyTgzOciTcYY0pYoU6xyvEHEe2hFojzkwyQpxY4j8SxuZaNtnS6Eh/Y3ysr26ccTy1nbpqRdjq9aDx"
    "pzmrdk5N2dWu7XIfGM+fZtWfEjy/SMvXt2zXWxdFLy3LTeW/Z+X2cfPin170B/1YKvPMKwdgQT/wC9dGVLM="
)
UNKNOWN_ZONE = _unpacked(
    "eNpFkdFKwzAUhk+LhF3MC8GUBgL2pgWhm5swQdGLk7HRMcVanMPLWkoV1HVdtcxn8NG88BV8E5O0dD8kOfzJ/52QhBgNKVBO"
    "uU9NWRBKOACYahjw2z362ydA95g/Aptskuf0LaamNFzTNkr38Pr7gPugZJmMM+4Bl4ddAkxuU2lawhJeZ8YlGmTw8pgwT9Pl"
    "hul1LAGM212MotvlRY23f4wTpREq3WGtOWKFIsMpYobjTHtCIN6oYow408ZulZqoadFUC5WT+UBxNFc0ZJzM9UlRtSFs82LQ"
    "8GWfx7ZPbemr6f73y+k22Z6HT8FrmQQPXzsGXoHt5HGx/kjLXpLnvbgoVpXzmRabl9W7c3rWH/SHjKsnTw2AUP7GPw2WWMw="
)
SAME_NAMES = _unpacked(
    "eNqNVMFO20AQXW8tN4de17IlH3LBSqWCSyXTFnGZjQNJ26QhKm1TcTGRFRAB0jjF0G/oJ3DgZ/iFHvgadmYd26SldJXMzj6/"
    "N/NmI6cPg3XBhCe8F4KrxBKWxxjj+DUMptdDBF4hNETjT4KOJn+kjvEo4cmCYLpXIXOsdHSYnMSipoAV7hgxC1VMhZmfL+h8"
    "qepYH7aULDQdc3KUzgXXhKfJJDlJTueFXO8HzOau5+77zFONVizmqmdCgba0pV/reAIdcrb13HJ9clYyG0ZqXBTcd/e4G2yJ"
    "3FbkS3K0cELKnt3zfxkVqc+Z+5mxZXnV1a3xT1tqqIJ6xf9CtX9zm/s1tTHXc57BYPDxy6a+XufaDHCFIAFgF/R6D5CBHMM2"
    "wBiaY8KkInQxaQJ0CCj3hTTF7RtmEZ1bGN72XwdBhpQOgdslH4p0B0tFx8F5EBC2R3GM1qjFYYnKUknpEPUyUsw3hOnOP/Nz"
    "q7dDaFb4AZynXTGBsY2jRUPsl/SD3G9G/SpUWfrHUjLMwZZ+3jxe8jtc8kv946+DyQGVaw5zfj5ZtPc/8yYYup/uzyvJVwdb"
    "qlG7ebPdQqfrjR68P3UpEelH+PvmS0/KnPo0nn3/kcxXR9PpajybnWX182SWHp2d1l9trL1cW3f31Wtc/bAb9Tb31f/OHUO4"
    "1bo="
)
LONG_DECIMALS = _unpacked(
    "eNpVUcFKw0AQ3SwlFJHeJmRhhVwSENJqpXoQC5nUSIOKMdD24iXUJIpo0rQaP80/EL2LX+AHePPo7rZUfLAzj5l5M8NshHEX"
    "CHjguUAF0UHnhBAqn0ak/fHe0u9668v+HJ+9mxM+e+WzD2gwd5+Y+nx6k94nQAm0oAfU1K7tDWjAs3slrZAblHHGHcKhxWyd"
    "MFEBImhkRuY0Qy4mEqE+2taZo4aKBHWaRkYYNzcxji8mh8sZ5ou2I9FDiUtc4hSxRj/HE8QcB7mK+T7iuSQDxFAF/rxAIM1o"
    "xUZSJ/RD2Uf19VedMRiqSr9ei3Ct9+8QC8kCqT9WeyBGKh/ivw2x3yemVSbV7DFdtKdl2U6qqqitp7Sa3xYP1t5BZ7fTZVxe"
    "fSwuHokP+QVmGFxU"
)
INT96 = _unpacked(
    "eNoLcAwyFGUQtRG10RFlAzLYRNlkGBgYmICYmZmhYbmHlzoDw/QuVYYOYQYw2G6owSDKIqljyiDBVpyckZqbKMoE1KbKJMFY"
    "wiDGJikjKaPGICPKJqnKxiAJFBMFCooliSWpcXjKAM1nAKq20WSTVGNiARoGlGBT4xBLYtBQKEgsKixNLdFNLijQTSwqyi9X"
    "KEstKs7Mz1MwMtMz0DOUlAG5qwqIA4BOBgCDxx5j"
)
INTEGER_KEYS = _unpacked(
    "eNp1UttKw0AQnW5jqNDXDVnIQ18aUGq9QEREHyZtU2/VGOoVQWIbqtTYu9Wf8Cv8SB/d2cbkQR3I7GTmnDMzMD4Gmxz4Kl+t"
    "8IIMdK5bAMDkl2d58keQSxKyXOXV/3BnCheSe+CauHPA1CedxygOOQOHmbmYM85OKrLuaOZyP3q/fw2fZxHXgLMymHmZAV4s"
    "M3NJ5ctwQh0MXViiYoPFmSjrIHZyccYlDgejYPiGbxcOLU4zMthbsXUmthnTpABRi7+piyaK3Dba9nVGNjRBdI8xIL7xmTN0"
    "uyAfEJZZxCA4u9pdLGZ+sXWyN3QR8RwXdow4R7eHHmIPaz2VcyWgRUEN8VAlsldaI3UjX+rNZRA0Lui/qernKbSR4t0pRTHh"
    "nbZ0O/R72kyapFDq31T8vhIh7eblrHtwNLy9buG7r+anYeU8N1RvJeSffVw3UG8nm1eZR64be5Pu1UVKcROQ97Pfbz3Exz/1"
    "6uTCrUuHhq4rfidZRSn0Muj+PpilYTgezaLpWmc4XAvH48G89BqNJ0+Dl9LWdnWjuikq8n7ohD7klfryzr8BDgKhrQ=="
)
DATE_KEYS_INSIDE = _unpacked(
    "eNqFk81O20AQx8cb41LKdS1b8iEHEgnJUKANqiqkamxMQkhobAkKXCqTGofWIW6+nL5DH4GH4zF67M7aOFLUirW8no+/fzOz"
    "0vYw2OfAt/iWzVVhaFyzAICJVxUPQGUN4E0XQORsbv9PpEGx/nziqvm7AYY26Q+iYcgZNJihDDnjWudICBqqoSb3k2meeBUl"
    "0TB6KDxlIWSsY+ey1z+iX1/nYTKLuAqc1cCoiEhts5OIPN+oMWNNZkFXTcu062BxZtY0MAfKUJZ4hiuLJYoQXPyht/V2ff3U"
    "4jQYg6PtQzGHeUcjybmItvEiLW9A8gI9qAervLnkSaD+qOhqfV18wLSMTQyCz18+5mdkPFXe0jpABxF9zNcZYoZOjCeIMbqx"
    "jDlC0CXDRTyVgeVXLK/cLnqClxEtuyC/KfN+KfVKvTMl6470776L7QPFz0+kMltK6VfHL/3wKkhupeuOqPX0uV7gvVTvPVl7"
    "pG8cF/XwXOrdJR9p3qYcelS20rycfWu105urLkG9gu9TX64s2cfjoqJXHCL6XX+ln/wgyWzdDG5blwn5i3nRf1zy8J88jCWk"
    "tcJD2d80iWTouujnukyDUU3D8c9ZNN3pp+lOOB6Psuo8Gk/uRw/Vg8Pdvd190xZ3iq4VVgB64lr+BSNOz7g="
)
EXTENSION = _unpacked(
    "eNpdUstOwkAUHWpTWRB303SSLkgTugKkKCQQWdzyKOADKMprVwop8qxgIWr8Qz/Ar/AbnCkFHyfpdOaee889NzNNMDWMsIKV"
    "OObpRsCCjBDi6HcSOqXrm2Ipee0d8ySeQZKwsSfjhYU5hCMxTgpNY+rNB80SeSITWUUyjpCYgAhlMA2KVbGqhmsyFUa05ko8"
    "IwJROaZOKV4Ni1VEZCkCptno5vfa0id37sMBihbscQ2wA92BCoADRZ8CXQe4ZZsiQM0P/PwpymzpB/VtVkzzDAAbSkFShcUh"
    "0DJZq6Id6B1E9mCUsTpS7WOwVGNOjeOZ+aRNe/WX4YXtWcu77dDx+1A7lfbDLNdrLDqXI6Pj2en5djh1vX5Xm++bOMxX2Z/v"
    "3xC/4M/T6tTb95qdHfQmqUE382p1c15joc1HRmXW75mTg2n9T32hgKSoa62fvPFzwnbdhLVer3bR7Xi9eVwto+lsMpXUiMyu"
    "/yuEUJO+jG827oKl"
)
