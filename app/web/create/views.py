"""Create Task: the page of task types, the form of one type, and what happens when it is sent.

The form is an envelope (`envelope`) around the parameters of the type (`form_fields`). Views authorise,
parse, call one function of the core, and render or redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup

from app.core.catalog import TaskType
from app.core.errors import BadQuery, Invalid, NotFound, QuotaExceeded
from app.core.files.store import StoredFile
from app.core.listing.filter import TaskFilter
from app.core.listing.waits import SOON_S
from app.core.mongo import translated
from app.core.params.fields import Field
from app.core.params.paths import every, file_ids
from app.core.quantities import about, size
from app.core.queue.dispatcher import Submitted
from app.core.secrets.vault import CannotOpen
from app.core.tasks.limits import MAX_ATTEMPTS
from app.core.tasks.states import Action, Priority
from app.core.tasks.task import NewTask, Task, parse_task_id
from app.extensions import access, services
from app.http import receiving
from app.http.receiving import FORM
from app.web.create import envelope as forms
from app.web.create import existing_files, form_fields, notify, repeatable, submission, uploads
from app.web.create.as_commands import Commands, commands_of
from app.web.create.error_summary import Wrong, summary_of
from app.web.create.existing_files import Carried
from app.web.create.secret_fields import Keeper
from app.web.platform.errors import wants_json
from app.web.platform.flashes import flash_at
from app.web.platform.permissions import by_token, requires
from app.web.platform.pulse import live, unless_refused
from app.web.platform.request_args import only

blueprint = Blueprint("create", __name__, url_prefix="/tasks/new")

RECENT_TASKS = 25
RECENT_TYPES = 4
RECENT_RUNS = 5
MANY_TYPES = 6
MAX_WORDS = 100
SAVING = "your task was being saved, so nothing was created"
GO_BACK = ". Go back: the form is as you left it"
SAVED = "Saved. The queue is not answering, so the task starts when it is back."
OLD_FORM = "This form was already submitted, so your later edits weren't used. Start a new task to use them."


# Which type


@blueprint.get("")
@requires("task.create")
def choose() -> str:
    """The task types as cards, those that were used lately first when there are many.

    With files in the address, only types that take them; their forms open with the files chosen.
    """
    words = request.args.get("q", "")[:MAX_WORDS].lower().split()
    carried, rights = Carried.asked(), access()
    published = services().catalog.types()
    types = [
        each
        for each in published
        if rights.may_use(each) and (not carried.files or existing_files.fits(each, carried))
    ]
    if carried.gone and not carried.files:
        raise NotFound(uploads.gone(carried.gone))
    shown = [each for each in types if all(word in searched(each) for word in words)]
    return render_template(
        "create/choose.html",
        q=" ".join(words),
        total=len(types),
        published=len(published),
        many=len(types) > MANY_TYPES,
        recent=[] if words else _recent(types),
        categories=_by_category(shown),
        searched=searched,
        carried=carried,
    )


def searched(task_type: TaskType) -> str:
    """The lower-cased text in which the words of a search are looked for."""
    return " ".join((task_type.title, task_type.category, task_type.summary, task_type.name)).lower()


def _by_category(types: list[TaskType]) -> dict[str, list[TaskType]]:
    found: dict[str, list[TaskType]] = {}
    for each in types:
        found.setdefault(each.category, []).append(each)
    return found


def _recent(types: list[TaskType]) -> list[TaskType]:
    """The types of the latest tasks, newest first; none where all types are seen at a glance anyway."""
    if len(types) <= MANY_TYPES:
        return []
    known = {each.name: each for each in types}
    latest = access().page(TaskFilter(per_page=RECENT_TASKS)).tasks
    used = dict.fromkeys(task.type for task in latest if task.type in known)
    return [known[name] for name in used][:RECENT_TYPES]


# The form of a type


@blueprint.get("/<type_name>")
@requires("task.create")
def form(type_name: str) -> str | Response:
    """An empty form, one with the inputs of the past task that `?from=` names, or with files of `?file=`."""
    task_type = _usable(type_name)
    placed = existing_files.place(task_type.fields, Carried.asked())
    past = _past(request.args.get("from", ""))
    if past and past.type != task_type.name:
        raise BadQuery(
            f"That task is not of the type “{task_type.title}”, so its inputs do not fit this form."
        )
    filled = form_fields.initial(
        task_type.fields,
        {**(past.params if past else {}), **placed.values},
        access().files,
        Keeper.of(task_type).of_past(past, task_type.fields) if past else {},
    )
    filled = tuple(
        replace(each, error=each.error or placed.problems.get(each.field.name, "")) for each in filled
    )
    return _page(
        task_type, forms.Envelope.opened(task_type, _envelope_of(past, task_type)), filled, past=past
    )


def _usable(type_name: str) -> TaskType:
    """Raises NotFound for a type that there is not, Forbidden for one that the person may not use."""
    task_type = services().catalog.get(type_name)
    access().require_type(task_type)
    return task_type


def _past(text: str) -> Task | None:
    if not text:
        return None
    task_id = parse_task_id(text)
    if task_id is None:
        raise NotFound("There is no task with that ID. Task IDs are 24 characters (0–9, a–f).")
    return access().to_clone(task_id)


def _envelope_of(past: Task | None, task_type: TaskType) -> dict[str, Any]:
    """What a new form takes over from a past task: not when it was to run, nor a title nobody chose."""
    if past is None:
        return {}
    return {
        "priority": past.priority.word,
        "title": "" if past.title == task_type.default_title(_files_of(past, task_type)) else past.title,
        "tags": ", ".join(past.tags),
        "max_attempts": str(min(past.attempts_chosen or past.max_attempts, MAX_ATTEMPTS)),
        "timeout_s": str(past.timeout_s),
        "private": past.private,
        "parent": str(past.id),
    }


def _files_of(past: Task, task_type: TaskType) -> list[StoredFile]:
    """The files that its parameters name, in the order of its form."""
    known = {str(file.id): file for file in access().files.of_task(past)}
    named = [one for ids in file_ids(task_type.fields, past.params).values() for one in ids]
    return [known[one] for one in dict.fromkeys(named) if one in known]


def _page(
    task_type: TaskType,
    envelope: forms.Envelope,
    entered: tuple[form_fields.Input, ...],
    *,
    past: Task | None = None,
    problems: list[Wrong] | None = None,
    look_at: str = "",
    filled: bool = False,
    commands: Commands | None = None,
) -> str:
    runs = access().page(TaskFilter(type=task_type.name)).tasks[:RECENT_RUNS]
    return render_template(
        "create/form.html",
        type=task_type,
        form=envelope,
        inputs=[each for each in entered if "." not in each.field.name],
        fields=form_fields.Page(
            task_type.name,
            form_fields.placed(task_type.fields, entered),
            services().settings.upload_max_mb * 2**20,
            look_at,
        ),
        past=past,
        runs=runs,
        clonable=[run.id for run in runs if Action.CLONE in access().actions(run, task_type)],
        waits=waits_of(task_type),
        priorities=list(Priority),
        problems=problems or [],
        filled=filled,
        commands=commands,
        offered=notify.offered(),
        notified=notify.chosen(),
    )


def waits_of(task_type: TaskType) -> dict[str, str]:
    """The present wait of each priority; empty while the queue does not answer."""
    depths = live().ask_queue(services().queues.depths)
    now = live().pulse()
    if not depths:
        return {}

    def starts_in_s(place: int) -> float | None:
        return now.starts_in_s(place, task_type.name)

    found = waits(depths, starts_in_s if task_type.served else None, now.pauses)
    return found | {priority.word: now.pause_of(priority) for priority in now.pauses}


def waits(
    depths: Mapping[Priority, int],
    starts_in_s: Callable[[int], float | None] | None,
    paused: Collection[Priority] = (),
) -> dict[str, str]:
    """How many tasks each priority has ahead of it and, where it is known, about how long that takes.

    What waits in the other ``paused`` queues is not ahead.
    """
    ahead = {
        priority: depths[priority]
        + sum(depths[other] for other in Priority if other < priority and other not in paused)
        for priority in Priority
    }
    return {priority.word: _wait(count, starts_in_s) for priority, count in ahead.items()}


def _wait(ahead: int, starts_in_s: Callable[[int], float | None] | None) -> str:
    seconds = starts_in_s(ahead + 1) if starts_in_s else None
    if seconds == SOON_S:
        return "No wait"
    if not ahead:
        unknown = "Next when a worker is free" if starts_in_s else "Wait unknown"
        return f"Next, {about(seconds)}" if seconds else unknown
    return f"{ahead:,} ahead" + (f", {about(seconds)}" if seconds else "")


# What comes back


@blueprint.post("/<type_name>")
@requires("task.create")
def submit(type_name: str) -> Any:
    """One task from one form, however often it is sent; or the form again, with what is wrong."""
    with translated(SAVING if _by_script() else SAVING + GO_BACK):
        task_type = _usable(type_name)
        envelope = forms.Envelope()
        posted = submission.Posted(request.form, request.files, access().files, Keeper.of(task_type))
        if wanted := request.form.get(repeatable.CHANGE):
            sent = submission.reshape(task_type, envelope, posted, wanted)
            return _page(task_type, envelope, sent.inputs, look_at=sent.look_at)
        sent = submission.receive(task_type, envelope, posted)
        if problems := summary_of(sent):
            if by_token():
                raise Invalid(
                    "Check the values.", {wrong.target or "form": wrong.message for wrong in problems}
                )
            return _page(task_type, envelope, sent.inputs, problems=problems), 422
        new = replace(sent.new_task(parse_task_id(envelope.parent.data or "")), notify=notify.chosen())
        if envelope.then.data == forms.COMMANDS:
            shown = commands_of(new, task_type, sent.files)
            return _page(task_type, envelope, sent.inputs, filled=True, commands=shown)
        try:
            submitted = access().submit(new, task_type)
        except QuotaExceeded as error:
            if wants_json():
                raise
            page = _page(task_type, envelope, sent.inputs, problems=[Wrong("", "", str(error))])
            return page, error.status, {"Retry-After": str(error.retry_after_s)}
        return _after(new, submitted, envelope.then.data)


def _after(new: NewTask, submitted: Submitted, then: str | None) -> Response:
    task = submitted.task
    made = url_for("tasks.detail", task_id=str(task.id))
    following = made if then != forms.ANOTHER else url_for("create.form", type_name=task.type)
    if not submitted.created and _differs(new, task):
        flash_at(following, OLD_FORM, "warning")
    elif not submitted.dispatched:
        flash_at(following, unless_refused(SAVED), "warning")
    if following != made:
        said = Markup("Created <a href='{}'>{}</a>. Add another below.").format(made, task.title)
        flash_at(following, said, "success")
    return _go(following)


def _differs(new: NewTask, task: Task) -> bool:
    try:
        params = services().vault.opened(task.params, task.id)
    except CannotOpen:
        return True
    return (new.type, new.params, new.title, new.priority) != (task.type, params, task.title, task.priority)


def _go(address: str) -> Response:
    """A redirect; the script of the form is told where to go instead, as it cannot see a redirect."""
    if _by_script():
        return Response(status=201, headers={"Location": address})
    return redirect(address, 303)  # type: ignore[return-value]  # Flask's redirect is typed as Werkzeug's response


def _by_script() -> bool:
    """Whether the form was sent in place, and is still there whatever the answer is."""
    return request.headers.get("X-Requested-With") == "fetch"


# A file that the page sends as soon as it is chosen


@blueprint.post("/<type_name>/<parameter>")
@requires("task.create")
def upload(type_name: str, parameter: str) -> tuple[Response, int]:
    """Store one file for a parameter or a part of one; the form then sends its id.

    Without a task it is gone in a day.
    """
    field = _file_field(_usable(type_name), parameter)
    about = only("name", "type") if request.mimetype != FORM else {}
    sent = receiving.sent(services().settings.upload_max_mb * 2**20, about.get("name", ""), about.get("type"))
    file = uploads.store(field, sent, access().files)
    return jsonify(id=str(file.id), name=file.name, size=size(file.size)), 201


def _file_field(task_type: TaskType, parameter: str) -> Field:
    for path, each in every(task_type.fields):
        if path == parameter and each.kind.takes_files:
            return each
    raise NotFound(f"“{task_type.title}” takes no file of that name.")
