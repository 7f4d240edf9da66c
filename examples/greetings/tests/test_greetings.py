"""How the author of task types tests them: no stores, no worker."""

from __future__ import annotations

import pytest
from greetings import greet, greet_everybody

from dtq import Fail
from dtq.testing import Invalid, run


def test_a_person_is_greeted_as_often_as_wanted() -> None:
    done = run(greet, name="Ada", language="de", times=2)

    assert done.result == ["Guten Morgen, Ada!"] * 2
    assert done.progress[-1]["done"] == 2


def test_a_language_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(Invalid, match="language: Input should be 'en', 'de' or 'fr'"):
        run(greet, name="Ada", language="tlh")


def test_everybody_in_a_file_is_greeted_in_a_file() -> None:
    done = run(greet_everybody, people=b"Ada\n\nGrace\n")

    assert done.files == {"greetings.txt": b"Good morning, Ada!\nGood morning, Grace!\n"}
    assert done.result["people"] == 2


def test_a_file_without_names_fails_for_good() -> None:
    with pytest.raises(Fail, match="names nobody"):
        run(greet_everybody, people=b"\n")
