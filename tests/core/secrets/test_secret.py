"""What a schema calls a secret is marked, wherever the schema says so, and a schema in a circle ends."""

from __future__ import annotations

import pytest

from app.core.secrets.secret import is_secret, marked

PASSWORD = {"type": "string", "format": "password"}


@pytest.mark.parametrize(
    ("part", "elsewhere"),
    [
        ({"$ref": "#/$defs/key"}, {"$defs": {"key": PASSWORD}}),
        ({"$ref": "#/$defs/keys/properties/key"}, {"$defs": {"keys": {"properties": {"key": PASSWORD}}}}),
        ({"$ref": "#/$defs/a~1b%20c"}, {"$defs": {"a/b c": PASSWORD}}),
        ({"$ref": "#/$defs/any/anyOf/1"}, {"$defs": {"any": {"anyOf": [{"type": "null"}, PASSWORD]}}}),
        ({"$ref": "#/$defs/a"}, {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, PASSWORD]}}}),
    ],
)
def test_a_reference_to_a_secret_marks_it(part, elsewhere):
    schema = {"type": "object", "properties": {"a": part, "b": {"type": "string"}}, **elsewhere}
    found = marked(schema, {"a": "hunter2", "b": "plain"})
    assert is_secret(found["a"]) and found["b"] == "plain"


@pytest.mark.parametrize("reference", ["#/$defs/none", "#/$defs/a/0", "http://127.0.0.1:9/x", "", "#", 5])
def test_a_reference_to_nothing_marks_nothing(reference):
    assert marked({"properties": {"a": {"$ref": reference}}, "$defs": {"a": []}}, {"a": "x"}) == {"a": "x"}


def test_a_secret_in_a_model_that_holds_itself_is_marked_at_every_depth():
    node = {"properties": {"key": PASSWORD, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
    schema = {"properties": {"a": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}}
    found = marked(schema, {"a": {"key": "x", "next": {"key": "y", "next": None}}})
    assert is_secret(found["a"]["key"]) and is_secret(found["a"]["next"]["key"])
