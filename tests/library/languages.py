"""Names and words of many languages, and the encodings that each is written in, for tests of detection."""

from __future__ import annotations

import unicodedata

WORDS: dict[str, str] = {
    "german": "Müller Jäger Schröder Weiß Köln Düsseldorf Straße Grün Bäcker Größe Lübeck Über",
    "french": "Lefèvre Hélène Besançon François Noël Fenêtre Crème Château Mâcon Égalité Où Île",
    "spanish": "Núñez Málaga José Muñoz Peña Año Córdoba León Jesús Pingüino Ángel Ibáñez",
    "portuguese": "João São Conceição Araújo Inês Índio Estação Coração Avô Mãe Limões Água",
    "italian": "Nicolò Città Perché Forlì Università Più Virtù Caffè Libertà Così Tribù Carità",
    "swedish": "Åsa Björn Göteborg Malmö Växjö Sjöberg Åkesson Östersund Hälsingborg Idé Ängelholm",
    "danish": "Søren Århus Næstved København Ærø Øster Brødre Jørgensen Påske Rødgrød Tromsø Bærum",
    "polish": "Łódź Kraków Gdańsk Żaneta Święta Ćwikła Wójcik Żółty Źródło Dąbrowski Małgorzata Zieliński",
    "czech": "Jiří Plzeň Dvořák Černý Růžička Novák Šťastný Němec Liberečtí Hájek Kůň Žluťoučký",
    "hungarian": "Győr Nagyszülő Főváros Tűz Kovács Szabó Erdő Bükk Őrség Petőfi Gyűrű Zöld",
    "turkish": "Ayşe Erdoğan İstanbul Çağlar Güneş Yıldız Şahin Öztürk Işık Gümüş Diyarbakır Doğu",
    "icelandic": "Þórður Reykjavík Guðrún Sigurður Ísafjörður Þingvellir Hafnarfjörður Ægir Björk Óðinn",
    "lithuanian": "Šiauliai Žukauskas Panevėžys Kęstutis Ąžuolas Jūratė Įvairūs Čiurlionis Vilkų Rūta",
    "latvian": "Jānis Liepāja Ķemeri Ģirts Bērziņš Ozoliņš Zemgale Šķēle Jūrmala Līga Ēriks Valmierā",
    "vietnamese": "Nguyễn Trần Phạm Đặng Huỳnh Võ Bùi Đỗ Hồ Dương Hà Nội Thành phố Đà Nẵng Cần Thơ",
    "russian": "Иван Москва Новосибирск Екатерина Петров количество Объект цена Ёлкин область Щукин",
    "ukrainian": "Київ Львів Шевченко Їжак Ірина кількість Євген Харків область ціна Наталія Запоріжжя",
    "bulgarian": "София Пловдив Георги Иванов количество цена България Стоянов област Първанов Димитър",
    "greek": "Γιώργος Αθήνα Θεσσαλονίκη Παπαδόπουλος όνομα τιμή Άννα Ηράκλειο Ελένη ποσότητα Κώστας",
    "hebrew": "שלום ירושלים משה כהן ישראל מחיר כמות תל־אביב דוד לוי שם עיר חיפה רחל",
    "arabic": "محمد القاهرة السعر الكمية أحمد فاطمة الرياض مدينة اسم العربية بغداد عبدالله",
    "thai": "กรุงเทพมหานคร เชียงใหม่ สมชาย ราคา จำนวน ชื่อ ประเทศไทย สุขุมวิท ภูเก็ต นนทบุรี",
    "japanese": "田中 東京 なまえ カタカナ 山田太郎 大阪府 ひらがな データ 株式会社 さくら 京都市 りんご",
    "chinese": "张伟明 北京市 朝阳区 上海 姓名 数量 价格 广州市 中华人民共和国 有限公司 李娜 深圳",
    "traditional": "張偉明 臺北市 中正區 高雄 姓名 數量 價格 臺灣 有限公司 李娜 新竹縣 電話",
    "korean": "김철수 서울 부산광역시 이름 수량 가격 대한민국 박영희 주식회사 인천 전화번호 제주도",
}  # fmt: skip

_WESTERN = ("cp1252", "iso8859-15", "cp850", "mac-roman")
_CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac-latin2")
ENCODINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("german", "french", "spanish", "portuguese", "italian", "swedish", "danish"), _WESTERN),
    **dict.fromkeys(("polish", "czech", "hungarian"), _CENTRAL),
    "turkish": ("cp1254", "iso8859-9"),
    "icelandic": ("cp1252", "cp850"),
    "lithuanian": ("cp1257",),
    "latvian": ("cp1257",),
    "vietnamese": ("cp1258",),
    "russian": ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"),
    "ukrainian": ("cp1251", "koi8-u", "iso8859-5"),
    "bulgarian": ("cp1251", "iso8859-5"),
    "greek": ("cp1253", "iso8859-7", "mac-greek"),
    "hebrew": ("cp1255",),
    "arabic": ("cp1256",),
    "thai": ("cp874",),
    "japanese": ("cp932", "euc-jp"),
    "chinese": ("gb18030",),
    "traditional": ("big5",),
    "korean": ("euc-kr",),
}


_TONES = "\u0300\u0301\u0303\u0309\u0323"


def written(text: str, encoding: str) -> bytes:
    """Return a text in an encoding. The one of Vietnamese has the marks of tones apart from their letters."""
    return (_tones_apart(text) if encoding == "cp1258" else text).encode(encoding)


def _tones_apart(text: str) -> str:
    parts: list[str] = []
    for char in text:
        marks = unicodedata.normalize("NFD", char)
        tones = "".join(mark for mark in marks if mark in _TONES)
        letter = "".join(mark for mark in marks if mark not in _TONES)
        parts.append(unicodedata.normalize("NFC", letter) + tones)
    return "".join(parts)
