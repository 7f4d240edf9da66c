"""The letters that languages are written in beyond ASCII, and the code pages that files come in.

Data only; `code_pages.py` asks which of them a text fits. Letters are listed in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

_GERMAN = "äöüß"
_FRENCH = "àâæçéèêëîïôœùûüÿ"
_SPANISH = "áéíñóúü"
_PORTUGUESE = "àáâãçéêíóôõúü"
_ITALIAN = "àèéìíîòóùú"
_CATALAN = "àçèéíïòóúü"
_SWEDISH = "åäöé"  # Finnish, too.
_DANISH = "æøåé"  # Norwegian, too.
_DUTCH = "áéèëïíóöüú"
_ICELANDIC = "áðéíóúýþæö"
_ESTONIAN = "äöõüšž"
_POLISH = "ąćęłńóśźż"
_CZECH = "áčďéěíňóřšťúůýž"
_SLOVAK = "áäčďéíĺľňóôŕšťúýž"
_HUNGARIAN = "áéíóöőúüű"
_CROATIAN = "ćčđšž"  # Slovene, too.
_ROMANIAN = "ăâîşţșț"
_TURKISH = "âçğîıöşûüİ"
_LITHUANIAN = "ąčęėįšųūž"
_LATVIAN = "āčēģīķļņšūž"
_VIETNAMESE = "ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ"

MISPLACED = {
    _FRENCH: r"(?<!o)ù|(?<![aeiou])ï|ç(?![aouâôû])|è(?![b-df-hj-np-tv-z])",
    _ITALIAN: r"[àèéìíîòóùú](?=[^\W\d_])",
    _PORTUGUESE: r"õ(?!e)|ç(?![aouãõâáóé])",
    _CATALAN: r"(?<![aeiou])ï",
    _DUTCH: r"(?<![aeiou])ï|è(?![b-df-hj-np-tv-z])",
    _ICELANDIC: r"^ð",
}
"""Where the letters of a language do not stand, as regular expressions without case."""

WESTERN = (
    _GERMAN, _FRENCH, _SPANISH, _PORTUGUESE, _ITALIAN, _CATALAN, _SWEDISH, _DANISH, _DUTCH,
)  # fmt: skip
CENTRAL = (_POLISH, _CZECH, _SLOVAK, _HUNGARIAN, _CROATIAN, _ROMANIAN, _GERMAN)
BALTIC = (_LITHUANIAN, _LATVIAN, _ESTONIAN, _POLISH)

LATIN_PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("windows-1252", WESTERN),
    ("windows-1250", CENTRAL),
    ("windows-1254", (_TURKISH,)),
    ("windows-1252", (_ICELANDIC, _ESTONIAN)),
    ("windows-1257", BALTIC),
    ("iso-8859-15", (*WESTERN, _ESTONIAN)),
    ("iso-8859-2", CENTRAL),
    ("cp850", (*WESTERN, _ICELANDIC)),
    ("mac-roman", WESTERN),
    ("cp852", CENTRAL),
    ("mac-latin2", CENTRAL),
    ("windows-1258", (_VIETNAMESE,)),
)
"""In the order in which a tie is decided: what more people write comes first."""


@dataclass(frozen=True)
class Alphabet:
    """A language of another script. ``common`` has its commonest letters, most frequent first; ``cased``: it
    has capital letters; ``misplaced`` matches where its letters do not stand.
    """

    letters: str
    common: str
    cased: bool = True
    misplaced: str = "(?!)"


_RUSSIAN = Alphabet("абвгдежзийклмнопрстуфхцчшщъыьэюяё", "оеаинтсрвлкмдпу")
_UKRAINIAN = Alphabet("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "оанивіертслкумд")
_BELARUSIAN = Alphabet("абвгдеёжзійклмнопрстуўфхцчшыьэюя", "анідерксталоыяв")
_BULGARIAN = Alphabet("абвгдежзийклмнопрстуфхцчшщъьюя", "аиоентрсвлкдпмъ")
_SERBIAN = Alphabet("абвгдђежзијклљмнњопрстћуфхцчџш", "аоиенрсјткудвмл")
_GREEK = Alphabet(
    "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",
    "αοιετνσηρκπλυμςάίόέ",
    misplaced="ς(?=.)|σ$|[άέήίόύώΐΰ].*[άέήίόύώΐΰ]",
)
_HEBREW = Alphabet(
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת־", "יוהלאמרתבשנםחקדעפכט", cased=False, misplaced="[ךםןףץ](?=[א-ת])|^[ךםןףץ]"
)
_ARABIC = Alphabet("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگ", "اليمونرتبةعدسفحق", cased=False)
_THAI = Alphabet(
    "".join(map(chr, (*range(0xE01, 0xE3B), *range(0xE40, 0xE5A)))),
    "านรอกเงมยลวดทสตะปบคหแจพชขใไ",
    cased=False,
    misplaced="^(?!(?:[เแโใไ]?[ก-ฮ][ัิ-ฺ็-๎]*[ะาำๅฯๆ]*)*$)",
)
_CYRILLIC = (_RUSSIAN, _UKRAINIAN, _BELARUSIAN, _BULGARIAN, _SERBIAN)

OTHER_PAGES: tuple[tuple[str, tuple[Alphabet, ...]], ...] = (
    ("windows-1251", _CYRILLIC),
    ("koi8-r", (_RUSSIAN, _BULGARIAN)),
    ("koi8-u", (_UKRAINIAN,)),
    ("cp866", (_RUSSIAN, _BELARUSIAN, _BULGARIAN)),
    ("iso-8859-5", _CYRILLIC),
    ("mac-cyrillic", _CYRILLIC),
    ("windows-1253", (_GREEK,)),
    ("iso-8859-7", (_GREEK,)),
    ("mac-greek", (_GREEK,)),
    ("windows-1255", (_HEBREW,)),
    ("windows-1256", (_ARABIC,)),
    ("windows-874", (_THAI,)),
)
