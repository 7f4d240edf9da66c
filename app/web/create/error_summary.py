"""What is wrong with a form that was sent, as the summary at its top says it."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.catalog import TaskType
from app.web.create import envelope as forms
from app.web.create import repeatable, submission


@dataclass(frozen=True)
class Wrong:
    """A line of the summary at the top: ``target`` is the id of the field, if it has one."""

    target: str
    label: str
    message: str


def wrong_with(
    task_type: TaskType,
    envelope: forms.Envelope,
    parameters: submission.Parameters,
    posted: submission.Posted,
) -> list[Wrong]:
    """Everything that is wrong, in the order of the page."""
    fields = task_type.fields
    folded = {each.name for each in fields if each.advanced}
    on_page = sorted(parameters.inputs, key=lambda each: each.field.name.split(".")[0] in folded)
    known = {each.field.name for each in on_page}
    strange = submission.unexpected(fields, forms.NAMES, posted)
    wrong = [Wrong("", "", message) for message in strange]
    wrong += [
        Wrong(each.name, repeatable.spoken(fields, each.field.name), each.error)
        for each in on_page
        if each.error
    ]
    wrong += [Wrong("", name, message) for name, message in parameters.problems.items() if name not in known]
    if not envelope.validate():
        wrong += [_of_envelope(envelope, name, message) for name, message in envelope.problems.items()]
    if "submission_key" in envelope.problems:
        envelope.submission_key.data = forms.nonce()
    return wrong


def _of_envelope(envelope: forms.Envelope, name: str, message: str) -> Wrong:
    field = envelope[name]
    hidden = field.type == "HiddenField"
    return Wrong("" if hidden else name, "" if hidden else field.label.text, message)
