"""Calendar dates as people and programs write them in pages.

Known are ISO 8601 and its relatives (2020-12-23, 2020/12/23, 20201223, 202012231010, 2020-W52-3, 2020年12月23日,
2020년 12월 23일), RFC 5322, RFC 850 and C's `asctime` (Wed, 23 Dec 2020), logs of servers (23/Dec/2020:10:00:00), month
names of 26 languages before or behind the day, the year first or last, numbers with points, strokes or dashes
(23.12.2020, 12/23/2020), `ngày 23 tháng 12 năm 2020`, Japanese and Buddhist years, and Unix time in seconds,
milliseconds or microseconds. Where day and month could be read either way, a weekday beside them decides, then the
language: American English writes the month first. A year or a month alone is no date. Dates before 1500 and the zeros
of programs (1 January 1970) are none, nor are dates after the latest that is given.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_MONTHS: Final = """
january jan januar janvier janv enero gennaio janeiro januari janvāris stycznia styczeń ocak января янв jänner gen
    січня ledna leden januára január siječnja ianuarie jaanuar tammikuuta sausio janar ιανουαρίου ιαν يناير जनवरी
    มกราคม ม.ค ינואר בינואר януари януара ιανουάριος januára januārī sty ene oca
february feb februar février fevr févr febrero febbraio fevereiro februari lutego luty şubat февраля фев fev febr
    лютого února únor februára február veljače februarie veebruar helmikuuta vasario φεβρουαρίου φεβ فبراير फ़रवरी
    फरवरी กุมภาพันธ์ ก.พ פברואר בפברואר февруари фебруара févriers februārī lut şub
march mar märz mars marzo março maart marca marzec mart марта мар mrz maerz
    березня března březen marec március ožujka martie märts maaliskuuta kovo μαρτίου μαρ مارس मार्च มีนาคม มี.ค מרץ במרץ
    март marts mär martā
april apr avril avr abril aprile abr kwietnia kwiecień nisan апреля апр
    квітня dubna duben apríla apríl április travnja aprilie aprill huhtikuuta balandžio απριλίου απρ أبريل ابريل
    अप्रैल เมษายน เม.ย אפריל באפריל април априла aprīlī kwi nis
may mai mayo maggio maio mei maja maj mayıs мая mag
    травня května květen mája máj május svibnja maiu toukokuuta gegužės μαΐου μαϊ مايو मई พฤษภาคม พ.ค מאי במאי май
    маја mag maí maijā
june jun juni juin junio giugno junho czerwca czerwiec haziran июня июн giu
    червня června červen júna jún június lipnja iunie juuni kesäkuuta birželio ιουνίου ιουν يونيو जून มิถุนายน มิ.ย
    יוני ביוני юни јуна jūnijā cze haz
july jul juli juillet juil julio luglio julho lipca lipiec temmuz июля июл lug
    липня července červenec júla júl július srpnja iulie juuli heinäkuuta liepos ιουλίου ιουλ يوليو जुलाई กรกฎาคม
    ก.ค יולי ביולי юли јула jūlijā lip tem
august aug août aout agosto augustus sierpnia sierpień ağustos августа авг ago
    серпня srpna srpen augusta augusztus kolovoza elokuuta rugpjūčio αυγούστου αυγ أغسطس अगस्त สิงหาคม ส.ค אוגוסט באוגוסט
    август augustā sie ağu
september sep sept septembre septiembre settembre setembro września wrzesień eylül сентября сен set
    вересня září septembra szeptember rujna septembrie syyskuuta rugsėjo σεπτεμβρίου σεπ سبتمبر सितंबर सितम्बर
    กันยายน ก.ย ספטמבר בספטמבר септември септембра septembrī wrz eyl setiembre
october oct oktober octobre octubre ottobre outubro października październik ekim октября окт okt ott out
    жовтня října říjen októbra október octombrie oktoober lokakuuta spalio οκτωβρίου οκτ أكتوبر अक्टूबर
    ตุลาคม ต.ค אוקטובר באוקטובר октомври октобра oktobrī paź eki
november nov novembre noviembre novembro listopada listopad kasım ноября ноя
    листопада listopadu novembra studenoga studenog noiembrie marraskuuta lapkričio νοεμβρίου νοε نوفمبر नवंबर नवम्बर
    พฤศจิกายน พ.ย נובמבר בנובמבר ноември новембра novembrī lis kas
december dec dezember décembre decembre diciembre dicembre dezembro grudnia grudzień aralık декабря дек dez déc dic
    грудня prosince prosinec decembra prosinca decembrie detsember joulukuuta gruodžio δεκεμβρίου δεκ ديسمبر दिसंबर
    दिसम्बर ธันวาคม ธ.ค דצמבר בדצמבר декември децембра desember decembrī gru ara
"""
"""The names of each month in its own lines, the first of which stands at the margin."""
_NUMBER: Final = {
    name: place for place, names in enumerate(re.split(r"\n(?=\S)", _MONTHS.strip()), 1) for name in names.split()
}
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ISO = re.compile(
    r"(?<!\d)(\d{4})\s?([-/.:_年년])\s?(\d{1,2})\s?(?:\2|月|월)\s?(\d{1,2})(?!\d)"
    r"|(?<!\d)(\d{4})(\d{2})(\d{2})(?:(?=T?\d{4}(?:\d{2})?\b)|(?!\d))"
)
_WEEK = re.compile(r"(?<!\d)(\d{4})-?W(\d{2})-?([1-7])(?!\d)")
_ORDINAL = re.compile(r"\s*(\d{4})-(\d{3})(?:T.*)?\s*")
_NAME = r"([^\W\d_](?:[^\W\d_]|[.]|\u0307|[^\x00-\x7f]){0,20})"
_DAY_FIRST = re.compile(
    r"(?<![\d:])(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)?[\s/-]*(?:(?:day )?of |de |d')?[\s/-]*"
    + _NAME + r"[.,]?[\s/-]*(?:de |del )?(?:(\d{4})(?!\d)|['’](\d{2})(?!\d))"
)  # fmt: skip
_RFC_850 = re.compile(r"(?<![\d-])(\d{1,2})-([^\W\d_]{3,9})-(\d{2})(?![\d-])")
_MONTH_FIRST = re.compile(
    _NAME + r"\.?[\s/-]+(\d{1,2})(?:st|nd|rd|th)?,?"
    r"(?:\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s+(?:[A-Z]{3,4}|[+-]\d{4}))?)?[\s/-]+(?:(\d{4})(?!\d)|['’](\d{2})(?!\d))"
)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[.,]?[\s/-]+" + _NAME + r"[\s/-]+(\d{1,2})(?!\d)")
_VIETNAMESE = re.compile(r"(?<!\d)(\d{1,2}) tháng (\d{1,2})(?:,| năm)? (\d{4})(?!\d)", re.IGNORECASE)
_ERA = re.compile(r"(明治|大正|昭和|平成|令和|民國|民国)\s?(\d{1,3}|元)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})")
_BEFORE_ERA: Final = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018, "民國": 1911, "民国": 1911}
_FIRST_BUDDHIST, _BUDDHIST = 2400, 543
"""Years from which a year counts from the Buddha's death, as in Thailand, and how many years these are ahead."""
_NUMBERS = re.compile(r"(?<![\w.])(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4})(?!\d|[./-]\d)")
_UNIX = re.compile(r"\s*(?:/Date\(|@)?(\d{9,10}|\d{12,13}|\d{16})(?:\.\d+|[+-]\d{4})?(?:\)/)?\s*")
_WEEKDAY = re.compile(r"\b(mon|tue|wed|thu|fri|sat|sun)", re.IGNORECASE)
_MONTH_FIRST_REGIONS: Final = frozenset({"", "en", "en-us", "en-ph", "en-ca"})
_EARLIEST: Final = date(1500, 1, 1)
_ZEROS: Final = frozenset({date(1970, 1, 1), date(1969, 12, 31), date(1900, 1, 1), date(1899, 12, 30)})
LATEST: Final = date(2026, 12, 31)
"""The latest date that is believed where it is not known when a page was read: the end of this release's year."""


def read_date(text: str, language: str | None = None, latest: date = LATEST) -> date | None:
    """Return the first date in a text, where it is one that may be; `language` is a tag such as `en-GB`."""
    for read in (_from_era, _from_iso, _from_unix, _from_names):
        if (found := read(text)) is not None:
            break
    else:
        found = _from_numbers(text, language)
    if found is None:
        return None
    return found if _EARLIEST <= found <= latest and found not in _ZEROS else None


def _date(year: str | int, month: str | int, day: str) -> date | None:
    number = int(year)
    try:
        return date(number - _BUDDHIST if number >= _FIRST_BUDDHIST else number, int(month), int(day))
    except ValueError:
        return None


def _from_era(text: str) -> date | None:
    match = _ERA.search(text)
    if match is None:
        return None
    year = 1 if match[2] == "元" else int(match[2])
    return _date(_BEFORE_ERA[match[1]] + year, match[3], match[4])


def _from_iso(text: str) -> date | None:
    if match := _ISO.search(text):
        return _date(match[1], match[3], match[4]) if match[1] else _date(match[5], match[6], match[7])
    try:
        if match := _WEEK.search(text):
            return date.fromisocalendar(int(match[1]), int(match[2]), int(match[3]))
        if match := _ORDINAL.fullmatch(text):
            found = date(int(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
            return found if found.year == int(match[1]) else None
    except (ValueError, OverflowError):
        return None
    return None


def _from_unix(text: str) -> date | None:
    match = _UNIX.fullmatch(text)
    if match is None:
        return None
    digits = match[1]
    seconds = int(digits) // (1_000_000 if len(digits) == 16 else 1000 if len(digits) > 10 else 1)
    return datetime.fromtimestamp(seconds, UTC).date()


def _from_names(text: str) -> date | None:
    for match in _DAY_FIRST.finditer(text):
        if month := _month(match[2]):
            return _date(match[3] or _century(match[4]), month, match[1])
    if (short := _RFC_850.search(text)) and (month := _month(short[2])):
        return _date(_century(short[3]), month, short[1])
    for match in _MONTH_FIRST.finditer(text):
        if month := _month(match[1]):
            return _date(match[3] or _century(match[4]), month, match[2])
    for match in _YEAR_FIRST.finditer(text):
        if month := _month(match[2]):
            return _date(match[1], month, match[3])
    numbered = _VIETNAMESE.search(text)
    return _date(numbered[3], numbered[2], numbered[1]) if numbered else None


def _month(name: str) -> int | None:
    """Return a month's number; a full stop may end its name, and Turkish has an `I` without a dot."""
    plain = name.rstrip(".")
    return _NUMBER.get(plain.lower().replace("i\u0307", "i")) or _NUMBER.get(plain.replace("I", "ı").lower())


def _century(digits: str) -> int:
    """Return the year of two digits, as POSIX reads them."""
    return int(digits) + (1900 if int(digits) >= 69 else 2000)


def _from_numbers(text: str, language: str | None) -> date | None:
    match = _NUMBERS.search(text)
    if match is None:
        return None
    first, separator, second, year = match.groups()
    day_first, month_first = _date(year, second, first), _date(year, first, second)
    if day_first is None or month_first is None:
        return day_first or month_first
    if weekday := _WEEKDAY.search(text[: match.start()]):
        number = _WEEKDAYS.index(weekday[1].lower())
        if day_first.weekday() != month_first.weekday() and number in (day_first.weekday(), month_first.weekday()):
            return day_first if number == day_first.weekday() else month_first
    is_american = separator == "/" and (language or "").lower() in _MONTH_FIRST_REGIONS
    return month_first if is_american else day_first


def day_after(text: str) -> date | None:
    """Return the day after an ISO 8601 date, within which all time zones have that date."""
    found = _from_iso(text)
    return None if found is None else found + timedelta(days=1)
