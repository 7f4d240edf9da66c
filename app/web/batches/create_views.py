"""Create many: a table of a task type, its columns as parameters, what is wrong by row, and then one batch.

Nothing is created before the last button. The table is stored as an upload, which goes after a day, so every
step is an address and works without a script. The key of the batch is in it: sent again, it is the same one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from io import BytesIO
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from app.core.access.batches import BatchRequest, CheckedRows, Row
from app.core.batches.batch import MOST_TASKS, Batch, Mode
from app.core.catalog import TaskType
from app.core.errors import Invalid, NotFound, QuotaExceeded, TooLarge
from app.core.files.store import StoredFile
from app.core.mongo import translated
from app.core.params.fields import Field
from app.core.tasks.states import Priority
from app.core.tasks.task import NewTask
from app.extensions import access, services
from app.web.batches import mapping, tables
from app.web.batches.mapping import Columns
from app.web.create import envelope as forms
from app.web.create import form_fields, repeatable, submission
from app.web.create.error_summary import Wrong, summary_of
from app.web.create.secret_fields import Keeper
from app.web.create.views import waits_of
from app.web.platform import request_args
from app.web.platform.permissions import requires

blueprint = Blueprint("many_new", __name__, url_prefix="/batches/new")

SHOWN_ROWS = 20
SHOWN_PROBLEMS = 50
SHOWN_CELL = 60
ENDINGS = ".csv,.tsv,.tab,.txt,.json,.jsonl,.ndjson,.xlsx"
GONE = "This table is no longer here: it is kept for a day. Upload it again."
SAVING = "the batch was being created. Send the form again: it creates one batch, however often it is sent"
DO, CREATE, SKIP = "do", "create", "skip-"
"""What the buttons send; after `SKIP` stands how many wrong rows the page said that it would skip."""


@dataclass(frozen=True)
class Shown:
    """A problem of a row as the page says it."""

    row: int
    label: str
    sentence: str


# The table


@blueprint.get("/<type_name>")
@requires("task.create")
def choose_table(type_name: str) -> str:
    return _table_page(_usable(type_name))


@blueprint.post("/<type_name>")
@requires("task.create")
def take_table(type_name: str) -> Any:
    """Store a table that can be read, and lead to its columns; else the page again, with what is wrong."""
    kind = _usable(type_name)
    try:
        file = _stored()
    except (Invalid, TooLarge, QuotaExceeded) as error:
        return _table_page(kind, str(error), request.form.get("text", "")), error.status
    address = url_for(".columns", type_name=kind.name, file_id=str(file.id), key=forms.nonce())
    return redirect(address, 303)


def _usable(type_name: str) -> TaskType:
    """Raises NotFound for a type that there is not, Forbidden for one that the person may not use."""
    task_type = services().catalog.get(type_name)
    access().require_type(task_type)
    return task_type


def _table_page(kind: TaskType, problem: str = "", text: str = "") -> str:
    return render_template(
        "batches/table.html",
        type=kind,
        fields=mapping.from_cells(kind.fields),
        files=mapping.takes_files(kind.fields),
        secrets=mapping.has_secret(kind.fields),
        problem=problem,
        text=text,
        most=MOST_TASKS,
        most_mb=tables.MOST_BYTES >> 20,
        endings=ENDINGS,
    )


def _stored() -> StoredFile:
    """Raises Invalid, TooLarge, QuotaExceeded."""
    chosen = [upload for upload in request.files.getlist("table") if upload.filename]
    text = request.form.get("text", "")
    if len(chosen) + bool(text.strip()) != 1:
        raise Invalid(
            "Upload one file, or paste a table." if not chosen else "Use one table: a file or text."
        )
    content = chosen[0].stream.read(tables.MOST_BYTES + 1) if chosen else text.encode()
    if len(content) > tables.MOST_BYTES:
        raise TooLarge(f"A table takes at most {tables.MOST_BYTES >> 20} MB. Split it into smaller ones.")
    name = chosen[0].filename or "table" if chosen else "Pasted table"
    tables.read(content, name)
    kind = (chosen[0].mimetype if chosen else "") or "application/octet-stream"
    return access().files.save(BytesIO(content), name, kind, len(content))


# Columns, what is the same for all rows, and the preview


@blueprint.get("/<type_name>/<file_id>")
@requires("task.create")
def columns(type_name: str, file_id: str) -> Any:
    kind, key = _usable(type_name), _key()
    file, table = _table(file_id)
    if made := access().batches.known(key):
        return render_template("batches/made.html", type=kind, batch=made)
    fields = kind.fields
    chosen = mapping.automatic(table.columns, mapping.from_cells(fields))
    shared = mapping.shared_type(kind, chosen)
    inputs = form_fields.initial(shared.fields, {}, access().files)
    envelope = forms.Envelope.opened(kind)
    new = NewTask(kind.name, {}, kind.title, kind.priority)
    asked = mapping.requests(table, chosen, fields, {}, new, "")
    page = _Page(kind, file, table, chosen, key, envelope, inputs)
    checked = access().batches.checked(asked)
    return page.drawn(_mapped_only(checked, chosen))


@blueprint.post("/<type_name>/<file_id>")
@requires("task.create")
def check_or_create(type_name: str, file_id: str) -> Any:
    """Check every row with what was chosen; with the last button and nothing wrong, create one batch."""
    with translated(SAVING):
        kind, key = _usable(type_name), _key()
        if made := access().batches.known(key):
            return redirect(url_for("batches.show", batch_id=made.id), 303)
        file, table = _table(file_id)
        fields = kind.fields
        chosen = mapping.chosen(request.form, table.columns, mapping.from_cells(fields))
        shared, envelope = mapping.shared_type(kind, chosen), forms.Envelope()
        posted = submission.Posted(_own(request.form), request.files, access().files, Keeper.of(kind))
        if wanted := request.form.get(repeatable.CHANGE):
            sent = submission.reshape(shared, envelope, posted, wanted)
            page = _Page(kind, file, table, chosen, key, envelope, sent.inputs, look_at=sent.look_at)
            return page.drawn(None)
        sent = submission.receive(shared, envelope, posted)
        problems = [*_of_columns(chosen, fields), *summary_of(_known_names(sent, chosen))]
        page = _Page(kind, file, table, chosen, key, envelope, sent.inputs, problems)
        return _checked_or_created(page, sent, fields)


def _checked_or_created(page: _Page, sent: submission.Submission, fields: Sequence[Field]) -> Any:
    kind = page.kind
    right = not sent.envelope.problems
    new = (
        replace(sent.new_task(None), title=kind.title)
        if right
        else NewTask(kind.name, {}, kind.title, kind.priority)
    )
    title = (sent.envelope.title.data or "") if right else ""
    asked = mapping.requests(page.table, page.columns, fields, sent.values, new, title)
    do = request.form.get(DO, "")
    creating = not page.problems and (do == CREATE or do.startswith(SKIP))
    if creating:
        try:
            if batch := _created(page, asked, do):
                return redirect(url_for("batches.show", batch_id=batch.id), 303)
        except QuotaExceeded as error:
            page.problems.append(Wrong("", "", str(error)))
            return page.drawn(access().batches.checked(asked)), error.status
        except Invalid as error:
            if not error.fields:
                page.problems.append(Wrong("", "", str(error)))
    checked = access().batches.checked(asked)
    shown = _mapped_only(checked, page.columns) if page.problems else checked
    return page.drawn(shown), 422 if page.problems or creating else 200


def _created(page: _Page, asked: list[Row], do: str) -> Batch | None:
    """Create the batch, without the wrong rows if the button said so; None if their number has changed.

    Raises Invalid, QuotaExceeded.
    """
    mode = Mode.EACH if do.startswith(SKIP) else Mode.ALL
    if mode is Mode.EACH and do != f"{SKIP}{access().batches.checked(asked).wrong}":
        return None
    named = f"{page.kind.title}: {page.file.name}"
    batch, _ = access().batches.submit(BatchRequest(asked, mode, title=named, key=page.key))
    return batch


def _key() -> str:
    """Return the key of the batch, which stands in the address. Raises BadQuery."""
    return request_args.submission_key_of({"submission_key": request_args.only("key").get("key", "")})


def _table(file_id: str) -> tuple[StoredFile, tables.Table]:
    """Raises NotFound where it is gone, Invalid for a file that is no table."""
    file = access().files.usable([file_id]).get(file_id)
    if file is None:
        raise NotFound(GONE)
    if file.size > tables.MOST_BYTES:
        raise Invalid(f"A table takes at most {tables.MOST_BYTES >> 20} MB.")
    return file, tables.read(access().files.head(file, tables.MOST_BYTES), file.name)


def _own(sent: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return what was sent for the form of the type, without what this page adds."""
    ours = (*(name for name in sent if name.startswith(mapping.PREFIX)), DO)
    return MultiDict([(name, text) for name, text in sent.items(multi=True) if name not in ours])


def _known_names(sent: submission.Submission, chosen: Columns) -> submission.Submission:
    """Leave out what is said of fields that a column gives by now: they were on the page before."""
    said = tuple(f"“{forms_name}" for name in chosen.used for forms_name in (f"p-{name}”", f"p-{name}."))
    unexpected = tuple(one for one in sent.unexpected if not any(name in one for name in said))
    return replace(sent, unexpected=unexpected)


def _of_columns(chosen: Columns, fields: Sequence[Field]) -> list[Wrong]:
    titles = {each.name: each.title for each in fields} | {mapping.TITLE: "Title"}
    return [
        Wrong("columns", titles[target], "Choose one column for it; several were chosen.")
        for target in chosen.repeated
    ]


def _mapped_only(checked: CheckedRows, chosen: Columns) -> CheckedRows:
    """Leave out problems of what is the same for all rows: that is said beside its field."""

    def of_cell(path: str) -> bool:
        first, _, rest = path.partition(".")
        return first != "params" or rest.split(".")[0] in chosen.used

    problems = [problem for problem in checked.problems if of_cell(problem.path)]
    wrong = {problem.row for problem in problems}
    marked = NewTask("", {}, "")
    tasks = [None if row in wrong else task or marked for row, task in enumerate(checked.tasks)]
    return CheckedRows(tasks, problems)


@dataclass(frozen=True)
class _Page:
    """The page of a table whose columns are chosen."""

    kind: TaskType
    file: StoredFile
    table: tables.Table
    columns: Columns
    key: str
    envelope: forms.Envelope
    inputs: tuple[form_fields.Input, ...]
    problems: list[Wrong] = dataclass_field(default_factory=list)
    look_at: str = ""

    def drawn(self, checked: CheckedRows | None) -> str:
        fields = self.kind.fields
        self.envelope.submission_key.data = self.key
        shared = mapping.shared_type(self.kind, self.columns).fields
        return render_template(
            "batches/columns.html",
            type=self.kind,
            file=self.file,
            table=self.table,
            chosen=self.columns,
            key=self.key,
            targets=[(mapping.TITLE, "Title"), *((f.name, f.title) for f in mapping.from_cells(fields))],
            form=self.envelope,
            inputs=[each for each in self.inputs if "." not in each.field.name],
            fields=form_fields.Page(
                self.kind.name,
                form_fields.placed(shared, self.inputs),
                services().settings.upload_max_mb * 2**20,
                self.look_at,
            ),
            priorities=list(Priority),
            waits=waits_of(self.kind),
            problems=self.problems,
            checked=checked,
            preview=self._preview(),
            wrong=self._wrong(checked, fields),
            counts=self._counts(checked, fields),
            more=max(0, len(checked.problems) - SHOWN_PROBLEMS) if checked else 0,
        )

    def _preview(self) -> list[tuple[int, list[str], bool]]:
        """Return the first rows as texts, with their numbers."""
        return [
            (row.number, [_short(cell) for cell in row.cells], bool(row.problem))
            for row in self.table.rows[:SHOWN_ROWS]
        ]

    def _wrong(self, checked: CheckedRows | None, fields: Sequence[Field]) -> list[Shown]:
        problems = checked.problems[:SHOWN_PROBLEMS] if checked else []
        return [
            Shown(self.table.rows[one.row].number, _label(fields, one.path), one.sentence) for one in problems
        ]

    def _counts(self, checked: CheckedRows | None, fields: Sequence[Field]) -> list[tuple[str, int]]:
        """Return how many problems there are, by field, the most first."""
        found = Counter(_label(fields, one.path) for one in checked.problems) if checked else Counter()
        return found.most_common()


def _label(fields: Sequence[Field], path: str) -> str:
    """Return a path as people say it."""
    first, _, rest = path.partition(".")
    if first == "params" and rest:
        return repeatable.spoken(fields, rest)
    return {"": "Row", "run_at": "Run at", "timeout_s": "Time limit"}.get(path, path.capitalize())


def _short(cell: Any) -> str:
    if cell is tables.ABSENT:
        return ""
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    return text if len(text) <= SHOWN_CELL else f"{text[:SHOWN_CELL]}…"
