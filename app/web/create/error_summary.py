"""What is wrong with a form that was sent, as the summary at its top says it."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.create import repeatable
from app.web.create.envelope import Envelope
from app.web.create.submission import Submission


@dataclass(frozen=True)
class Wrong:
    """A line of the summary at the top: ``target`` is the id of the field, if it has one."""

    target: str
    label: str
    message: str


def summary_of(sent: Submission) -> list[Wrong]:
    """Everything that is wrong, in the order of the page."""
    fields = sent.task_type.fields
    folded = {each.name for each in fields if each.advanced}
    on_page = sorted(sent.inputs, key=lambda each: each.field.name.split(".")[0] in folded)
    known = {each.field.name for each in on_page}
    wrong = [Wrong("", "", message) for message in sent.unexpected]
    wrong += [
        Wrong(each.name, repeatable.spoken(fields, each.field.name), each.error)
        for each in on_page
        if each.error
    ]
    wrong += [Wrong("", name, message) for name, message in sent.problems.items() if name not in known]
    envelope = sent.envelope
    return wrong + [_of_envelope(envelope, name, message) for name, message in envelope.problems.items()]


def _of_envelope(envelope: Envelope, name: str, message: str) -> Wrong:
    field = envelope[name]
    hidden = field.type == "HiddenField"
    return Wrong("" if hidden else name, "" if hidden else field.label.text, message)
