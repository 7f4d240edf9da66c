"""Two task types: one greets a person, the other everybody in a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dtq import Context, Fail, File, task

WORDS = {"en": "Good morning", "de": "Guten Morgen", "fr": "Bonjour"}
Language = Literal["en", "de", "fr"]


@task(title="Greet a person", category="Greetings", timeout_s=10)
def greet(
    ctx: Context,
    name: Annotated[str, Field(min_length=1, max_length=60, title="Who is greeted")],
    language: Language = "en",
    times: Annotated[int, Field(ge=1, le=10)] = 1,
) -> list[str]:
    """Say good morning, as often as wanted."""
    greeting = f"{WORDS[language]}, {name}!"
    for done in range(1, times + 1):
        ctx.progress(done, times, greeting)
    return [greeting] * times


@task(title="Greet everybody in a file", category="Greetings", timeout_s=60, max_attempts=2)
def greet_everybody(ctx: Context, people: File, language: Language = "en") -> dict[str, object]:
    """Write a greeting for each line of a text file, and keep them as a file."""
    names = [line.strip() for line in people.path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise Fail("The file names nobody. Put one name on each line.")
    letters = ctx.work_dir / "greetings.txt"
    letters.write_text("".join(f"{WORDS[language]}, {name}!\n" for name in names), encoding="utf-8")
    return {"people": len(names), "file": ctx.save_file(letters, "greetings.txt")}
