"""Colors: a kind that is one module, from its schema to the value that a function is given."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from pydantic_extra_types.color import Color

from app.core.errors import Invalid
from app.core.params.cli_args import parse
from app.core.params.fields import describe
from app.core.params.validate import from_form, validate
from dtq._types.task_type import registered
from tests.core.params.schemas import one
from tests.web.create.creating import Sent, only, publish
from workers import Context, task
from workers.testing import run


class Pen(BaseModel):
    ink: Color
    cap: Color = Color("red")


@task(title="Paint")
def paint(
    ctx: Context,
    wall: Color,
    pens: list[Pen],
    border: Color | None = None,
    others: Annotated[list[Color], Field(min_length=0)] = (),
) -> Any:
    """Paint a wall."""
    colors = [wall, border, *others, *(color for pen in pens for color in (pen.ink, pen.cap))]
    assert all(color is None or isinstance(color, Color) for color in colors)
    return [color and color.as_hex(format="long") for color in colors]


SCHEMA = registered(paint).document()["schema"]
WORDS = ["wall=Teal", "others=#0f0", "others=rgb(1, 2, 3)", "pens.0.ink=hsl(0, 100%, 50%)", "pens.0.cap=blue"]
VALUES = {
    "wall": "#008080",
    "pens": [{"ink": "#ff0000", "cap": "#0000ff"}],
    "border": None,
    "others": ["#00ff00", "#010203"],
}


def tag(annotation: Any, text: str) -> dict[str, Any]:
    field = describe(one(annotation))[0]
    return field.kind.attributes(field, text)


def test_words_of_a_command_line_are_stored_as_text_and_reach_the_function_as_colors():
    given = validate(SCHEMA, parse(describe(SCHEMA), WORDS, lambda *_: ""))

    assert given == VALUES
    assert run(paint, **given).result == ["#008080", None, "#00ff00", "#010203", "#ff0000", "#0000ff"]


def test_a_test_of_a_task_type_gives_it_colors():
    assert run(paint, wall=Color("teal"), pens=[Pen(ink=Color("red"))]).result[0] == "#008080"


@pytest.mark.parametrize("text", ["tea", "#12345", "rgb(1, 2)", "red" + " " * 200 + "x"])
def test_what_is_no_color_is_refused_wherever_it_comes_from(text):
    sentence = "Enter a color, such as #1a73e8 or teal."
    assert from_form(describe(one(Color)), {"x": [text]})[1] == {"x": sentence}
    with pytest.raises(Invalid) as refused:
        validate(SCHEMA, {**VALUES, "pens": [{"ink": text}]})
    assert refused.value.fields == {"pens.0.ink": sentence}


def test_there_is_a_picker_where_there_is_a_color_and_has_to_be():
    assert tag(Color, "#008080") == {"type": "color"}
    line = {"type": "text", "placeholder": "#1a73e8"}
    assert (tag(Color, ""), tag(Color, "#00808080"), tag(Color | None, "#008080")) == (line, line, line)


def test_a_form_shows_its_colors_again(browser, services):
    publish(services, "paint", schema=SCHEMA)
    sent = browser.open("/tasks/new/paint")
    assert sent["p-pens.0.cap"] == "#ff0000"

    answer = browser.send(sent, "paint", p_wall="tea", **{"p_pens.0.ink": "teal"})
    assert answer.status_code == 422
    assert {name: text for name, text in Sent(answer.text).errors.items() if text} == {
        "p-wall": "Enter a color, such as #1a73e8 or teal."
    }
    sent["p-wall"], sent["p-pens.0.ink"] = "#123456", "teal"
    assert browser.post("/tasks/new/paint", sent).status_code == 303
    task_made = only(services)
    assert task_made.params["wall"] == "#123456"
    assert task_made.params["pens"] == [{"ink": "#008080", "cap": "#ff0000"}]

    page = browser.client.get(f"/tasks/new/paint?from={task_made.id}").text
    assert 'value="#123456" type="color"' in page
