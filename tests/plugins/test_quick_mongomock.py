"""What is spared changes nothing that mongomock finds or refuses."""

from __future__ import annotations

from typing import Any

import mongomock
import pytest
from bson import ObjectId
from hypothesis import example, given
from hypothesis import strategies as st

from tests import quick_mongomock

OWN = quick_mongomock.OWN
VALUES = st.sampled_from([None, 1, True, 1.0, "x", "y", ["x"], [], {"x": 1}, ObjectId("6" * 24)])
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {"_id": st.sampled_from(["x", "y", 1, ObjectId("6" * 24)])}, optional={"a": VALUES, "b": VALUES}
    ),
    max_size=6,
)
FILTERS = st.dictionaries(
    st.sampled_from(["_id", "a", "b", "b.x"]),
    VALUES | st.builds(lambda there: {"$exists": there}, st.booleans()) | st.just({"$in": ["x", 1]}),
)
INDEXES = st.fixed_dictionaries(
    {"keys": st.sampled_from([["a"], ["a", "b"], ["b.x"]])},
    optional={"sparse": st.booleans(), "partialFilterExpression": FILTERS},
)


Document = dict[str, Any]
WITH_B: Document = {"b": {"$exists": True}}


def outcome(own: bool, index: Document, inserted: list[Document], changed: Document, asked: Document) -> str:
    with pytest.MonkeyPatch.context() as patched:
        for name, method in OWN.items() if own else ():
            patched.setattr(mongomock.Collection, name, method)
        made, refused = mongomock.MongoClient().get_database("tests").things, []
        options = {name: value for name, value in index.items() if name != "keys"}
        made.create_index([(key, 1) for key in index["keys"]], unique=True, **options)
        for document in inserted:
            try:
                made.insert_one(quick_mongomock.deepcopy(document))
            except (mongomock.DuplicateKeyError, TypeError) as error:
                refused.append((type(error), document))
        try:
            count = made.update_many(asked, {"$set": changed}).modified_count if changed else 0
        except (mongomock.DuplicateKeyError, TypeError) as error:
            count = type(error)
        return repr((refused, count, list(made.find(asked)), list(made.find())))


@example({"keys": ["a"]}, [{"_id": 1, "a": ["x"]}, {"_id": 2, "a": "x"}], {}, {})
@example({"keys": ["a"]}, [{"_id": 1}, {"_id": 2, "a": None}], {}, {})
@example({"keys": ["a"], "partialFilterExpression": WITH_B}, [{"_id": 1}, {"_id": 2}], {}, {})
@example({"keys": ["a"]}, [{"_id": "x", "a": 1}, {"_id": "y", "a": 2}], {"a": 1}, {"_id": "y"})
@given(INDEXES, DOCUMENTS, st.dictionaries(st.sampled_from(["a", "b"]), VALUES), FILTERS)
def test_it_finds_and_refuses_the_same(index, inserted, changed, asked):
    assert outcome(True, index, inserted, changed, asked) == outcome(False, index, inserted, changed, asked)
