"""What every operation declares: its permission, what it takes and answers. OpenAPI is made from the same.

SpecTree validates bodies and queries with pydantic and makes the document. It was chosen over flask-openapi3,
which needs an application class of its own. It takes a body that is not JSON for an empty one, so bodies are
read here first.
"""

from __future__ import annotations

import json as json_text
from collections.abc import Callable
from functools import cache, wraps
from json import JSONDecodeError
from typing import Any, get_type_hints

from flask import Response as Answer
from flask import g, make_response, request
from pydantic import BaseModel, ValidationError
from spectree import Response, SpecTree
from spectree.model_adapter.pydantic_adapter import PydanticModelAdapter
from werkzeug.exceptions import UnsupportedMediaType

from app.api.models.problems import Problem
from app.core.errors import BadQuery, Invalid
from app.http.permission import requires
from config import VERSION

View = Callable[..., Any]

PREFIX = "/api/v1"
UNCHANGED = ("HTTP_400", "HTTP_401", "HTTP_403", "HTTP_404", "HTTP_429", "HTTP_503")
"""What any operation may answer when it refuses."""
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no field of this name.",
}

_adapter: Any = PydanticModelAdapter()
_adapter.json_schema = cache(_adapter.json_schema)
"""SpecTree asks for the schema of a model for each operation that names it, and copies what it gets."""

spec = SpecTree(
    "flask",
    model_adapter=_adapter,
    title="Distributed Task Queue",
    version=VERSION,
    description=(
        "Create tasks, wait for them, and read what came out. Programs send a token of the profile page as "
        "`Authorization: Bearer dtq_…`."
    ),
    mode="strict",
    annotations=True,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _, child: child,
)


def operation(
    permission: str,
    answers: type[BaseModel] | None,
    *,
    status: int = 200,
    json: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    also: tuple[str, ...] = (),
    tag: str = "tasks",
) -> Callable[[View], View]:
    """Declare a view as an operation of the API. Stands below the route, directly above the function.

    The view is given ``json`` and ``query`` as instances of these models. ``also`` are statuses of problems
    besides `UNCHANGED`, such as HTTP_409; with HTTP_304 and HTTP_412, the document has their headers
    (`app.api.preconditions`).
    """
    problems = (*UNCHANGED, *also, *(("HTTP_415", "HTTP_422") if json else ()))
    codes: dict[str, Any] = {code: None if code == "HTTP_304" else Problem for code in problems}
    codes[f"HTTP_{status}"] = answers

    def declare(view: View) -> View:
        validated = spec.validate(
            json=json,
            query=query,
            resp=Response(**codes),
            tags=[tag],
            operation_id=view.__name__,
            before=_refuse,
            validation_error_status=422 if json else 400,
        )(_unread(view))

        @wraps(validated)
        def checked(**args: Any) -> Any:
            if json is not None:
                _require_object()
            if query is None and request.args:
                raise BadQuery("This address takes no query.")
            plain = make_response(validated(**args))
            instead: Callable[[Answer], Answer] | None = g.pop("instead", None)
            return plain if instead is None else instead(plain)

        return requires(permission)(checked)

    return declare


def created(answer: BaseModel, address: str, *, replayed: bool = False) -> Any:
    """Answer 201 with what is at an address now; ``replayed``: since an earlier request with the same key."""
    headers = {"Location": address}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer, 201, headers


def _unread(view: View) -> View:
    """Return a view whose streamed answers go around SpecTree."""

    @wraps(view)
    def answered(**args: Any) -> Any:
        found = view(**args)
        if not isinstance(found, Answer) or not found.is_streamed:
            return found
        answer_instead(lambda plain: found)
        return Answer(status=found.status_code)

    answered.__annotations__ = get_type_hints(view, include_extras=True)  # SpecTree looks for names here
    return answered


def answer_instead(make: Callable[[Answer], Answer]) -> None:
    """Have this request answered by what ``make`` returns of the answer that its view makes.

    SpecTree reads each answer to its end: one that is streamed, or to come, must not go through it.
    """
    g.instead = make


def _require_object() -> None:
    """Raise Invalid for a body that is no JSON object, UnsupportedMediaType for one of another type."""
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        body = json_text.loads(
            request.get_data(), parse_constant=_no_number, object_pairs_hook=_without_repeats
        )
    except JSONDecodeError as error:
        raise Invalid(
            f"The body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise Invalid("The body is not JSON in UTF-8, or is nested too deeply.") from None
    if not isinstance(body, dict):
        raise Invalid("The body is not a JSON object.")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises Invalid where a name stands twice, as readers differ in which one counts."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"The body has “{name[:60]}” twice in one object.")
        found[name] = value
    return found


def _no_number(name: str) -> None:
    """Refuse NaN and infinities, which Python reads and JSON does not have."""
    raise ValueError(name)


def sentences_of(error: ValidationError) -> dict[str, str]:
    """Return what is wrong by the path of its field; no sentence repeats a value."""
    return {
        ".".join(map(str, found["loc"])): _SENTENCES.get(found["type"], f"{found['msg']}.")
        for found in error.errors(include_context=False, include_url=False, include_input=False)
    }


def _refuse(_request: Any, _response: Any, error: Exception | None, _view: Any, _adapter: Any) -> None:
    """Raise what is wrong with a body or a query, each sentence by the path of its field."""
    if not isinstance(error, ValidationError):
        return
    fields = sentences_of(error)
    if error.title.endswith("Query"):
        name, sentence = next(iter(fields.items()))
        raise BadQuery(f"“{name}” in the address: {sentence}")
    raise Invalid("Check the fields.", fields)
