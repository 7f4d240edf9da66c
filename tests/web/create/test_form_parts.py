"""The parts of the form by themselves: what is shown, and how what comes back is read."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from wtforms.validators import ValidationError

from app.core.catalog import TaskType
from app.core.files.store import StoredFile
from app.core.listing.waits import SOON_S
from app.core.params.fields import describe
from app.core.params.file_types import accepted
from app.core.tasks.states import Priority
from app.core.tasks.task import one_line
from app.web.create import envelope, form_fields
from app.web.create.views import waits
from tests.core.access.people import ALICE
from tests.core.params.schemas import FILE, WHOLE, Shade, one

NOW = datetime(2031, 5, 6, 7, 8, tzinfo=timezone.utc)
CLEAN = TaskType("clean", "Clean a table", "Data", "", "", WHOLE, Priority.MEDIUM, 600, 3)
AIRPORTS = StoredFile(ObjectId(), "airports.csv", 8, "text/csv", "", "alice", "input", NOW)


@pytest.fixture
def opened(app):
    """A form as it is first shown, within a request."""
    with app.test_request_context():
        yield envelope.Envelope.opened(CLEAN)


def shown_as(annotation: Any, default: Any = ..., texts: tuple[str, ...] = ()) -> form_fields.Input:
    return form_fields.Input(describe(one(annotation, default))[0], texts)


class TestEnvelope:
    def test_it_opens_with_what_the_type_says(self, opened):
        assert (opened.priority.data, opened.max_attempts.data, opened.timeout_s.data) == (
            "medium",
            "3",
            "600",
        )
        assert opened.title.data in (None, "")

    def test_every_opened_form_has_a_key_of_its_own(self, opened):
        keys = {opened.submission_key.data, *(envelope.nonce() for _ in range(100))}
        assert len(keys) == 101
        assert all(16 <= len(key) <= 64 for key in keys)

    def test_only_named_fields_are_taken(self, opened):
        assert set(envelope.NAMES) == {name for name in opened._fields} | {"csrf_token", envelope.notify.NAME}
        assert not set(envelope.NAMES) & {"status", "owner", "attempt", "lease", "type", "files", "params"}

    @pytest.mark.parametrize(
        ("text", "zone", "moment"),
        [
            ("", "", None),
            ("2031-05-06T07:08", "", NOW),
            ("2031-05-06T09:08", "Europe/Berlin", NOW),
            ("2031-05-06T02:08", "-05:00", NOW),
            ("2031-05-06T07:08:59", "UTC", NOW),
        ],
    )
    def test_a_local_time_and_its_zone_are_a_moment(self, opened, text, zone, moment):
        opened.run_at.data, opened.run_at_zone.data = text, zone
        assert opened.moment() == moment

    @given(text=st.text() | st.just("2031-05-06T07:08"), zone=st.text(max_size=8) | st.just("Europe/Berlin"))
    def test_any_text_is_moments_or_refused(self, text, zone):
        try:
            moments = envelope.moments_of(text, zone)
        except ValidationError:
            return
        assert len(moments) == (1 if text else 0)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59"])
    @pytest.mark.parametrize("zone", ["+14:00", "-14:00", "Europe/Berlin", "America/New_York"])
    def test_the_ends_of_the_calendar(self, opened, text, zone):
        opened.run_at.data, opened.run_at_zone.data = text, zone
        with pytest.raises(ValidationError):
            opened.validate_run_at(opened.run_at)

    def test_a_local_time_that_clocks_skip(self, opened):
        opened.run_at.data, opened.run_at_zone.data = "2027-03-28T02:30", "Europe/Berlin"
        with pytest.raises(ValidationError):
            opened.moment()
        assert opened.run_at_offsets == []

    @pytest.mark.parametrize(("chosen", "hour"), [("+02:00", 0), ("+01:00", 1), ("", None), ("+03:00", None)])
    def test_a_local_time_that_occurs_twice_asks_which(self, opened, chosen, hour):
        opened.run_at.data, opened.run_at_zone.data = "2027-10-31T02:30", "Europe/Berlin"
        opened.run_at_offset.data = chosen
        assert opened.run_at_offsets == ["+02:00", "+01:00"]
        if hour is None:
            with pytest.raises(ValidationError):
                opened.moment()
        else:
            assert opened.moment() == datetime(2027, 10, 31, hour, 30, tzinfo=timezone.utc)

    def test_an_offset_that_does_not_fit_the_time_is_without_a_meaning(self, opened):
        opened.run_at.data, opened.run_at_zone.data = "2031-05-06T09:08", "Europe/Berlin"
        opened.run_at_offset.data = "+01:00"
        assert opened.moment() == NOW


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("", ()),
            (" ,, ", ()),
            ("A, b ,a", ("a", "b")),
            ("two words,x\ny", ("two words", "x y")),
            (None, ()),
        ],
    )
    def test_tags(self, text, tags):
        assert envelope.split_tags(text) == tags

    def test_one_line(self):
        assert one_line("  a\r\n\tb\x00\u202ec ") == "a b c"

    def test_a_title_nobody_gave(self):
        assert CLEAN.default_title(()) == "Clean a table"
        assert CLEAN.default_title((AIRPORTS,)) == "Clean a table: airports.csv"

    def test_waits_add_up_over_the_lanes_that_come_first(self):
        assert waits({Priority.HIGH: 0, Priority.MEDIUM: 1_200, Priority.LOW: 3}, None) == {
            "high": "Wait unknown",
            "medium": "1,200 ahead",
            "low": "1,203 ahead",
        }

    def test_waits_say_how_long_where_the_pace_is_known(self):
        depths = {Priority.HIGH: 0, Priority.MEDIUM: 4, Priority.LOW: 235}
        assert waits(depths, lambda place: 4 * place) == {
            "high": "Next, about 4 s",
            "medium": "4 ahead, about 20 s",
            "low": "239 ahead, about 15 min",
        }
        assert waits(depths, lambda place: None)["medium"] == "4 ahead"
        assert waits(depths, lambda place: None)["high"] == "Next when a worker is free"
        assert waits(depths, lambda place: SOON_S)["medium"] == "No wait"


class TestInput:
    @pytest.mark.parametrize(
        ("annotation", "widget"),
        [
            (str, "line"),
            (int, "line"),
            (Annotated[str, Field(json_schema_extra={"format": "textarea"})], "area"),
            (list[str], "area"),
            (bool, "switch"),
            (bool | None, "group"),
            (Literal["a", "b", "c", "d"], "group"),
            (Literal["a", "b", "c", "d", "e"], "select"),
            (Shade | None, "group"),
            (list[Literal["a", "b", "c", "d", "e", "f"]], "group"),
            (Annotated[str, Field(json_schema_extra=FILE)], "file"),
        ],
    )
    def test_each_kind_is_drawn_by_its_macro(self, annotation, widget):
        assert shown_as(annotation).widget == widget

    def test_numbers_carry_their_bounds(self):
        shown = shown_as(Annotated[int, Field(ge=1, le=9)])
        assert shown.attributes == {"type": "number", "step": "1", "min": "1", "max": "9"}
        assert shown.help == "A number from 1 to 9."

    def test_optional_is_said_where_nothing_is_an_answer(self):
        assert shown_as(str, "").says_optional
        assert shown_as(int | None, None).says_optional
        assert not shown_as(int, 3).says_optional
        assert not shown_as(bool, True).says_optional
        assert not shown_as(str).says_optional

    def test_none_is_a_choice_where_it_is_an_answer(self):
        assert shown_as(Literal["a", "b"] | None, None).options == (("", "None"), ("a", "a"), ("b", "b"))
        assert shown_as(Literal["a", "b"]).options == (("a", "a"), ("b", "b"))

    @pytest.mark.parametrize(
        ("annotation", "value", "texts"),
        [
            (bool, True, ("1",)),
            (bool, False, ("0",)),
            (Literal[1, 2], 2, ("2",)),
            (list[Literal["a", "b"]], ["b", "a"], ("b", "a")),
            (list[str], ["x", "y"], ("x\ny",)),
            (float, 2.0, ("2",)),
            (int | None, None, ()),
            (str, "<b>", ("<b>",)),
        ],
    )
    def test_a_value_becomes_what_a_browser_would_send(self, services, annotation, value, texts):
        filled = form_fields.initial(describe(one(annotation)), {"x": value}, services.access(ALICE).files)
        assert filled[0].texts == texts

    @pytest.mark.parametrize(
        ("accept", "name", "kind", "taken"),
        [
            ([".csv"], "A.CSV", "application/vnd.ms-excel", True),
            ([".csv"], "csv", "text/csv", False),
            (["text/csv"], "x", "text/csv", True),
            (["image/*"], "x.png", "image/png", True),
            (["image/*"], "x.png", "imagery/png", False),
            ([], "x", "", True),
        ],
    )
    def test_kinds_of_files(self, accept, name, kind, taken):
        field = shown_as(Annotated[str, Field(json_schema_extra={**FILE, "accept": accept})]).field
        assert accepted(field, name, kind) is taken
