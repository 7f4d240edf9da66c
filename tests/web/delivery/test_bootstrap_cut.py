"""Bootstrap's sheet as our pages get it."""

from __future__ import annotations

import pytest

from tests.web.delivery.bootstrap_cut import CUT, WHOLE, cut, made, without_unused


def test_it_is_the_one_that_our_pages_need() -> None:
    assert CUT.read_text() == made(), "run: python -m tests.web.delivery.bootstrap_cut"
    assert CUT.stat().st_size < WHOLE.stat().st_size / 5


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".btn,.modal{a:b}", ".btn{a:b}"),
        (".modal{a:b}", ""),
        (".btn.show>.btn:not(.modal,.btn){a:b}", ""),
        (".btn-primary{a:b}", ".btn-primary{a:b}"),
        ("@media print{.btn{a:b}.modal{a:b}}", "@media print{.btn{a:b}}"),
        ("@media print{.modal{a:b}}", ""),
        ("h1,a:hover{a:b}", "h1,a:hover{a:b}"),
    ],
)
def test_a_rule_stays_whose_names_can_occur(css: str, left: str) -> None:
    assert cut(css, frozenset({"btn", "primary"}), frozenset({"btn-"})) == left


def test_a_property_stays_to_which_something_refers() -> None:
    css = ":root{--bs-a:1;--bs-b:var(--bs-c);--bs-c:2;--bs-d:3}p{x:var(--bs-a)}"
    assert without_unused(css, "") == ":root{--bs-a:1;}p{x:var(--bs-a)}"
    assert "--bs-d:3" in without_unused(css, "p{x:var(--bs-d)}")
