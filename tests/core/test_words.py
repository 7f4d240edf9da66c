"""The vocabulary of the search: prefixes become whole words."""

from __future__ import annotations

import pytest
from pymongo.errors import BulkWriteError

from app.core.errors import BadQuery
from app.core.words import EXPANSIONS, Words


@pytest.fixture
def words(services):
    return Words(services.db)


def test_a_word_is_found_by_its_beginning(words):
    words.learn(["report", "reports", "repair", "table"])
    assert words.expand("rep") == ["repair", "report", "reports"]
    assert words.expand("report") == ["report", "reports"]
    assert words.expand("xy") == []


def test_words_of_any_language(words):
    words.learn(["größe", "größer", "großes", "日本語"])
    assert words.expand("größ") == ["größe", "größer"]
    assert words.expand("日本") == ["日本語"]


@pytest.mark.parametrize("sign", [".*", "^re", "re$", "re.", "\\w", "{$ne"])
def test_a_prefix_is_no_pattern(words, sign):
    words.learn(["report"])
    assert words.expand(sign) == []


@pytest.mark.parametrize("prefix", ["", "r"])
def test_one_letter_is_not_enough(words, prefix):
    with pytest.raises(BadQuery, match="two letters"):
        words.expand(prefix)


def test_expansions_are_bounded_and_begin_with_the_word_itself(words):
    words.learn([f"report{number:03}" for number in range(EXPANSIONS + 20)] + ["report"])
    found = words.expand("report")
    assert len(found) == EXPANSIONS
    assert found[:2] == ["report", "report000"]


def test_learning_again_adds_nothing(words, services):
    words.learn(["report", "table"])
    words.learn(["report", "chart"])
    assert sorted(each["_id"] for each in services.db.words.find()) == ["chart", "report", "table"]


def test_what_is_known_is_not_asked_for_again(words, monkeypatch):
    words.learn(["report"])
    monkeypatch.setattr(words, "_words", None)
    words.learn(["report"])


def test_two_processes_may_learn_the_same_at_once(services, monkeypatch):
    """Each looked before the other wrote."""
    first, second = Words(services.db), Words(services.db)
    look = second._words.find
    monkeypatch.setattr(second, "_words", Raced(second._words, lambda: first.learn(["chart"]), look))
    second.learn(["chart", "report"])
    assert sorted(each["_id"] for each in services.db.words.find()) == ["chart", "report"]


def test_any_other_refusal_is_not_hidden(words, monkeypatch):
    refusal = BulkWriteError({"writeErrors": [{"code": 13}]})
    monkeypatch.setattr(words, "_words", Raced(words._words, lambda: None, words._words.find, refusal))
    with pytest.raises(BulkWriteError):
        words.learn(["chart"])


class Raced:
    """The collection, with somebody else who writes right after a look."""

    def __init__(self, collection, meanwhile, look, refusal=None):
        self._collection, self._meanwhile, self._look, self._refusal = collection, meanwhile, look, refusal

    def find(self, *query):
        found = list(self._look(*query))
        self._meanwhile()
        return found

    def insert_many(self, documents, **options):
        if self._refusal:
            raise self._refusal
        return self._collection.insert_many(documents, **options)
