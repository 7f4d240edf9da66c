"""The envelope of a new task as a form: priority, title, tags, when, attempts, time limit.

Only what stands here can be set from outside; everything else about a task is the core's. The
parameters of the type are read by `submission`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField
from wtforms.validators import AnyOf, Length, Regexp, ValidationError

from app.core.catalog import MAX_TITLE, TaskType
from app.core.files.store import StoredFile
from app.core.params.formats.datetimes import moments_at, spoken, zone_of
from app.core.tasks.limits import IN_TEN_YEARS, MAX_ATTEMPTS, MAX_TIMEOUT_S, wrong_run_at, wrong_tags
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask, one_line, tag_of
from app.web.create import notify

TASK, ANOTHER, COMMANDS = "task", "another", "commands"


def nonce() -> str:
    """A key for one opened form: whatever is sent with it makes one task at most."""
    return secrets.token_urlsafe(18)


class WholeNumber(StringField):
    """A whole number from 1 to ``most``; what was typed is kept when it is none."""

    def __init__(self, label: str, most: int, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.most = most

    def pre_validate(self, form: Any) -> None:
        text = (self.data or "").strip()
        if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= self.most:
            raise ValidationError(f"Enter a whole number from 1 to {self.most:,}.")

    @property
    def number(self) -> int:
        return int(self.data or 0)


class Envelope(FlaskForm):  # type: ignore[misc]  # flask_wtf types nothing
    """What surrounds the parameters of any task."""

    priority = StringField(
        "Priority",
        [AnyOf([priority.word for priority in Priority], "Please choose high, medium or low.")],
    )
    title = StringField(
        "Title", [Length(max=MAX_TITLE, message=f"Use {MAX_TITLE} characters or fewer.")], [one_line]
    )
    tags = StringField("Tags", filters=[one_line])
    run_at = StringField("Run at")
    run_at_zone = HiddenField(
        validators=[Regexp(r"\A[A-Za-z0-9_+/:-]{0,64}\Z", message="The form's time zone is unknown.")]
    )
    run_at_offset = StringField()
    """Which of two, for a local time that occurs twice; without a meaning for any other."""
    max_attempts = WholeNumber("Attempts", MAX_ATTEMPTS)
    timeout_s = WholeNumber("Time limit", MAX_TIMEOUT_S)
    private = BooleanField("Private")
    submission_key = HiddenField(
        validators=[
            Regexp(r"\A[A-Za-z0-9_-]{16,64}\Z", message="The form was incomplete. Please send it again.")
        ]
    )
    parent = HiddenField()
    then = HiddenField(
        filters=[lambda text: text or TASK],
        validators=[AnyOf([TASK, ANOTHER, COMMANDS], "Please use one of the buttons.")],
    )

    @classmethod
    def opened(cls, task_type: TaskType, past: dict[str, Any] | None = None) -> Envelope:
        """A form as it is first shown, with what the type says unless a past task says otherwise."""
        values = {
            "priority": task_type.priority.word,
            "max_attempts": str(task_type.max_attempts),
            "timeout_s": str(task_type.timeout_s),
            **(past or {}),
        }
        return cls(formdata=None, data={**values, "submission_key": nonce()})

    def validate_tags(self, field: Field) -> None:
        if wrong := wrong_tags(split_tags(field.data)):
            raise ValidationError(wrong)

    def validate_run_at(self, field: Field) -> None:
        if wrong := wrong_run_at(self.moment()):
            raise ValidationError(wrong)

    def moment(self) -> datetime | None:
        """When the task is to run, aware UTC; None for at once. Raises ValidationError."""
        found = moments_of((self.run_at.data or "").strip(), self.run_at_zone.data or "UTC")
        chosen = [one for one in found if zone_of(one) == self.run_at_offset.data] or found
        if len(chosen) > 1:
            raise ValidationError(
                f"{spoken(chosen[0])} occurs twice in {self.run_at_zone.data}. Choose the first or second."
            )
        return chosen[0].astimezone(timezone.utc) if chosen else None

    @property
    def run_at_offsets(self) -> list[str]:
        """The offsets to choose from where the time to run at occurs twice."""
        try:
            found = moments_of((self.run_at.data or "").strip(), self.run_at_zone.data or "UTC")
        except ValidationError:
            return []
        return [zone_of(one) for one in found] if len(found) > 1 else []

    def check(self) -> None:
        """Find the `problems`; a form whose key is damaged gets a new one, so that it can be sent again."""
        self.validate()
        if "submission_key" in self.problems:
            self.submission_key.data = nonce()

    @property
    def problems(self) -> dict[str, str]:
        """The first sentence for each field that is wrong."""
        return {name: str(sentences[0]) for name, sentences in self.errors.items() if sentences}

    @property
    def folded_problem(self) -> bool:
        """Whether something under "More" is wrong, so that it must be open."""
        return bool(
            self.problems.keys() & {"title", "tags", "run_at", "run_at_zone", "max_attempts", "timeout_s"}
        )

    def new_task(
        self,
        task_type: TaskType,
        params: dict[str, Any],
        files: Sequence[StoredFile],
        owner: str,
        parent: ObjectId | None,
    ) -> NewTask:
        """The task that this form asks for; only after `check`."""
        return NewTask(
            type=task_type.name,
            params=params,
            title=self.title.data or task_type.default_title(files),
            priority=Priority.from_word(self.priority.data or ""),
            owner=owner,
            tags=split_tags(self.tags.data),
            run_at=self.moment(),
            timeout_s=self.timeout_s.number,
            max_attempts=self.max_attempts.number,
            submission_key=self.submission_key.data,
            parent=parent,
            files=tuple(dict.fromkeys(file.id for file in files)),
            private=bool(self.private.data),
        )


# Every name that the envelope takes; `csrf_token` comes from Flask-WTF.
NAMES = (
    "priority",
    "title",
    "tags",
    "run_at",
    "run_at_zone",
    "run_at_offset",
    "max_attempts",
    "timeout_s",
    "private",
    "submission_key",
    "parent",
    "then",
    notify.NAME,
    "csrf_token",
)


def moments_of(text: str, zone: str) -> tuple[datetime, ...]:
    """Return the moments at which clocks of a zone show a time: none for no text, two where it occurs twice.

    Without a script no zone is sent, and the page says that the time is in UTC. Raises ValidationError for
    anything but a date and a time, a time that clocks skip, and an unknown zone.
    """
    if not text:
        return ()
    try:
        local = datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")
    except ValueError:
        raise ValidationError("Enter a date and a time, for example 2030-12-31T08:30.") from None
    try:
        found = moments_at(local, zone)
        [one.astimezone(timezone.utc) for one in found]
    except ValueError as error:
        raise ValidationError(str(error)) from None
    except OverflowError:
        raise ValidationError(IN_TEN_YEARS) from None
    return found


def split_tags(text: str | None) -> tuple[str, ...]:
    """Tags separated by commas, each once."""
    tags = map(tag_of, (text or "").split(","))
    return tuple(dict.fromkeys(tag for tag in tags if tag))
