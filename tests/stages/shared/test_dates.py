"""Dates in the forms that pages write them in."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prep.stages.shared.dates import day_after, read_date

DAY = date(2020, 12, 23)


@pytest.mark.parametrize(
    "text",
    [
        "2020-12-23", "2020-12-23T10:00:00Z", "2020/12/23", "2020.12.23", "20201223", "20201223T101010",
        "2020年12月23日",
        "Wed, 23 Dec 2020 10:00:00 GMT", "Wed Dec 23 10:00:00 2020", "Wed Dec 23 10:00:00 PST 2020", "23-Dec-2020",
        "December 23, 2020", "Dec. 23rd, 2020", "23rd of December, 2020", "Posted on 23 December 2020 by A. Keeper",
        "23. Dezember 2020", "23 décembre 2020", "23 de diciembre de 2020", "23 dicembre 2020", "23 декабря 2020 г.",
        "23 grudnia 2020", "23.12.2020", "12/23/2020", "23/12/2020", "23-12-2020", "1608681600", "1608681600000",
        "202012231010", "2020:12:23 10:00:00", "2020_12_23", "2020-W52-3", "2020W523", "2020-358",
        "2020 年 12 月 23 日",
        "2020년 12월 23일 (수)", "令和2年12月23日", "民國109年12月23日", "23/Dec/2020:10:00:00 +0000", "23/dic/2020",
        "Wednesday, 23-Dec-20 10:00:00 GMT", "Wed Dec 23 10:00:00 +0000 2020", "2020-Dec-23", "2020 December 23",
        "2020, December 23", "Dec-23-2020", "Dec/23/2020", "Dec 23, '20", "23 Dec ’20",
        "the 23rd day of December, 2020",
        "23 грудня 2020", "23. prosince 2020", "23. decembra 2020", "23. prosinca 2020", "23 decembrie 2020",
        "2020. december 23.", "23. joulukuuta 2020", "23. desember 2020", "23 Δεκεμβρίου 2020", "23 ديسمبر 2020",
        "23 दिसंबर 2020", "23 ธันวาคม 2563", "23 ธ.ค. 2563", "23 בדצמבר 2020", "ngày 23 tháng 12 năm 2020",
        "23 tháng 12, 2020", "23 ARALIK 2020", "/Date(1608681600000)/", "/Date(1608681600000+0100)/", "@1608681600",
        "1608681600000000",
    ],
)  # fmt: skip
def test_forms(text: str) -> None:
    assert read_date(text) == DAY


@pytest.mark.parametrize(
    "text",
    ["", "2020", "2020-12", "December 2020", "2020-02-31", "0001-01-01", "2099-12-23", "1970-01-01", "1/2/20", "12345",
     "v1.2.2020.5", "31/31/2020", "Sometime 41, 2020",
     "2019-366", "2020-W60-1", "2020-000", "0001-W01-1", "0001-001", "May 5-10, 2020", "12/23/20", "2020 May",
     "9999-366", "1969-12-31T16:00:00-08:00", "令和2年13月1日", "3000年1月1日"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("3/4/2021", None, date(2021, 3, 4)),
        ("3/4/2021", "en-US", date(2021, 3, 4)),
        ("3/4/2021", "en-GB", date(2021, 4, 3)),
        ("3/4/2021", "fr", date(2021, 4, 3)),
        ("3.4.2021", "en", date(2021, 4, 3)),
        ("Sat, 3/4/2021", "en-US", date(2021, 4, 3)),
        ("Thu, 3/4/2021", "fr", date(2021, 3, 4)),
    ],
)
def test_day_and_month(text: str, language: str | None, day: date) -> None:
    assert read_date(text, language) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("5 May-10 June 2020", date(2020, 6, 10)),
        ("5-10 May 2020", date(2020, 5, 10)),
        ("3 MAYIS 2020", date(2020, 5, 3)),
        ("12-Dec-69", date(1969, 12, 12)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("平成元年5月3日", date(1989, 5, 3)),
    ],
)
def test_which_numbers_are_the_day_and_the_year(text: str, day: date) -> None:
    assert read_date(text) == day


@given(st.dates(date(1971, 1, 1), date(2026, 12, 31)).filter(lambda day: day != date(1970, 1, 1)))
def test_every_day_is_read_in_every_form(day: date) -> None:
    forms = ("%Y-%m-%d", "%Y%m%d", "%a, %d %b %Y", "%B %d, %Y", "%d %B %Y", "%d.%m.%Y", "%c", "%m/%d/%Y")
    assert {read_date(day.strftime(form)) for form in forms} == {day}


@given(st.text(alphabet="0123456789-/. TZMonJanuary,ofde年月日", max_size=40))
def test_any_text_is_read(text: str) -> None:
    found = read_date(text)
    assert found is None or 1500 <= found.year <= 2026
    day_after(text)
