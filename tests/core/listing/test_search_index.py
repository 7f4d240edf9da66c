"""The vocabulary of the search: prefixes become whole words."""

from __future__ import annotations

import pytest
from pymongo.errors import BulkWriteError

from app.core.errors import BadSearch
from app.core.listing.search_index import EXPANSIONS, Expansion, Words


@pytest.fixture
def words(services):
    return Words(services.db)


def found(words, prefix):
    return list(words.expand(prefix).words)


def test_a_word_is_found_by_its_beginning(words):
    words.learn(["report", "reports", "repair", "table"])
    assert found(words, "rep") == ["repair", "report", "reports"]
    assert found(words, "report") == ["report", "reports"]
    assert words.expand("xy") == Expansion("xy", ())


def test_words_of_any_language(words):
    words.learn(["größe", "größer", "großes", "日本語"])
    assert found(words, "größ") == ["größe", "größer"]
    assert found(words, "日本") == ["日本語"]


@pytest.mark.parametrize("sign", [".*", "^re", "re$", "re.", "\\w", "{$ne"])
def test_a_prefix_is_no_pattern(words, sign):
    words.learn(["report"])
    assert found(words, sign) == []


@pytest.mark.parametrize("prefix", ["", "r"])
def test_one_letter_is_not_enough(words, prefix):
    with pytest.raises(BadSearch):
        words.expand(prefix)


def numbered(count):
    return [f"report{number:03}" for number in range(count)]


def test_expansions_are_bounded_and_say_so_and_begin_with_the_word_itself(words, new_task):
    new_task(title=" ".join(["report", *numbered(EXPANSIONS)]))
    words.learn(numbered(EXPANSIONS))
    assert words.expand("report") == Expansion("report", ("report", *numbered(EXPANSIONS - 1)), cut=True)


def test_words_that_no_task_has_any_more_hide_none_that_lives(words, new_task, monkeypatch):
    words.learn(numbered(2 * EXPANSIONS))
    new_task(title="report999")
    assert words.expand("report") == Expansion("report", ("report999",))
    monkeypatch.setattr("app.core.listing.search_index.LOOKED_THROUGH", EXPANSIONS)
    assert words.expand("report") == Expansion("report", (), cut=True)


def test_they_are_forgotten_when_nobody_can_still_give_them_to_a_task(words, services, new_task, clock):
    new_task(title="report005")
    words.learn(numbered(9))
    services.db.words.insert_one({"_id": "report"})
    maintenance, gone = Words(services.db), []
    for _ in range(4):
        gone.append(sum(maintenance.prune(4) for _ in range(4)))
        clock.advance(hours=23)
        words.learn(["report001"])
    assert gone == [1, 0, 0, 0]
    clock.advance(hours=5)
    assert sum(maintenance.prune(4) for _ in range(4)) == 7
    assert sorted(words.expand("report").words) == ["report001", "report005"]


def test_a_word_that_is_given_again_while_it_is_looked_at_is_not_forgotten(
    words, services, clock, monkeypatch
):
    words.learn(["report"])
    clock.advance(days=9)
    maintenance = Words(services.db)
    monkeypatch.setattr(maintenance, "_lives", lambda word: words.learn([word]))
    assert maintenance.prune(9) == 0


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

    def bulk_write(self, writes, **options):
        if self._refusal:
            raise self._refusal
        return self._collection.bulk_write(writes, **options)
