"""*Analyze a text*, against counts by hand, by wc and by the standard library."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from dtq_library.text.tasks import analyse_text
from dtq_library.text.words import count_sentences, words
from tests.library.running import Runner

Tool = Callable[[list[str], str], str]

STORY = """The Cat

Dr. Smith's cat isn't well-known. "Why?" she asked. It cost 3.14 dollars, e.g. a lot!
The cat sat; the cat
slept... and that was all.
"""


def test_a_text_counted_by_hand(alice: Runner) -> None:
    result = alice.result(analyse_text, text=STORY, commonest=3, stop_words=["The "])

    assert result == {
        "characters": 7 + 0 + 85 + 20 + 26,
        "characters_without_spaces": 6 + 71 + 16 + 22,
        "words": 2 + 16 + 5 + 5,
        "different_words": 23,  # the and cat come back
        "sentences": 5,
        "paragraphs": 2,
        "lines": 5,
        "blank_lines": 1,
        "mean_word_length": result["mean_word_length"],
        "mean_sentence_length": round(28 / 5, 2),
        "reading_time": {
            "minutes": 0.1,
            "words_per_minute": 238,
            "source": result["reading_time"]["source"],
        },
        "commonest_words": [
            {"word": "cat", "count": 4, "percent": 14.29},
            {"word": "3.14", "count": 1, "percent": 3.57},
            {"word": "a", "count": 1, "percent": 3.57},
        ],
        "longest_words": result["longest_words"],
        "encoding": "utf-8",
        "notes": [],
    }
    assert "Brysbaert 2019" in result["reading_time"]["source"]
    assert result["longest_words"][0] == {"word": "well-known", "characters": 10}


def test_plain_words_are_those_of_wc_and_of_a_counter(alice: Runner, tool: Tool) -> None:
    rng = random.Random(3)
    known = ["".join(rng.choices("abcdefgh", k=rng.randint(1, 9))) for _ in range(300)]
    text = "".join(" ".join(rng.choices(known, k=rng.randint(0, 12))) + "\n" for _ in range(800))
    result = alice.result(analyse_text, source=alice.file(text, "plain.txt"), commonest=10)

    count, characters = (int(each) for each in tool(["wc", "-w", "-m"], text).split())
    assert (result["words"], result["characters"] + result["lines"]) == (count, characters)
    assert result["lines"] == int(tool(["wc", "-l"], text))
    by_counter = sorted(Counter(text.split()).items(), key=lambda each: (-each[1], each[0]))[:10]
    assert [(each["word"], each["count"]) for each in result["commonest_words"]] == by_counter
    assert result["different_words"] == len(set(text.split()))
    assert result["blank_lines"] == text.splitlines().count("")
    assert result["reading_time"]["minutes"] == round(count / 238, 1)
    assert result["mean_word_length"] == round(len("".join(text.split())) / count, 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("don't well-known it’s", ["don't", "well-known", "it’s"]),
        ("3.14 1,000.5 end.Next v2", ["3.14", "1,000.5", "end", "Next", "v2"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("e\u0301te\u0301 naïve", ["e\u0301te\u0301", "naïve"]),
        ("-- a_b 'quoted' (x)", ["a", "b", "quoted", "x"]),
        ("Привет, мир!", ["Привет", "мир"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("One. Two! Three?", 3),
        ("Wait... what? Yes.", 2),
        ("Mr. Smith met J. R. Brown at 5 p.m. today.", 1),
        ("“Go!” he said. She went.", 2),
        ("No end", 1),
        ("Really?! Yes.", 2),
        ("Version 3.14 is out. See example.org now.", 2),
        ("これは猫です。あれは犬です。", 2),
        ("... !!! ???", 0),
        ("", 0),
    ],
)
def test_sentences(text: str, number: int) -> None:
    assert count_sentences(text) == number


def test_case_and_composition_do_not_make_a_word_another(alice: Runner) -> None:
    result = alice.result(analyse_text, text="Été e\u0301te\u0301 ÉTÉ")

    assert result["commonest_words"] == [{"word": "été", "count": 3, "percent": 100.0}]


def test_a_script_without_spaces_has_no_reading_time(alice: Runner) -> None:
    result = alice.result(analyse_text, text="吾輩は猫である。名前はまだ無い。")

    assert result["reading_time"] is None
    assert "without spaces between words" in result["notes"][0]


def test_the_rate_of_reading_is_chosen(alice: Runner) -> None:
    result = alice.result(analyse_text, text="word " * 1_000, words_per_minute=100)

    assert result["reading_time"] == {
        "minutes": 10.0,
        "words_per_minute": 100,
        "source": "The rate that was asked for.",
    }


def test_a_text_of_marks_alone_has_no_words(alice: Runner) -> None:
    result = alice.result(analyse_text, text="... !!!")

    assert (result["words"], result["commonest_words"], result["mean_word_length"]) == (0, [], None)


def test_blank_space_is_refused(alice: Runner) -> None:
    assert "nothing but blank space" in alice.refusal(analyse_text, text=" \n\t\n")


def test_a_very_long_paragraph_is_one_paragraph(alice: Runner) -> None:
    result = alice.result(
        analyse_text, source=alice.file("One two three.\n" * 30_000 + "\nEnd.\n", "long.txt")
    )

    assert (result["paragraphs"], result["sentences"], result["words"]) == (2, 30_001, 90_001)
