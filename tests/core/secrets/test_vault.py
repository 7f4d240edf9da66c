"""Secrets on their way and at rest: known without a schema, sealed for one place, under keys that change."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

import bson
import pytest
from bson import ObjectId
from pydantic import Field, SecretStr, create_model

from app.core.errors import Invalid
from app.core.params.validate import validate
from app.core.secrets.secret import MASK, Secret, masked, revealed
from app.core.secrets.vault import CannotOpen, Vault
from app.core.services import Services
from tests.core.params.schemas import one, schema_of

CANARY = "s3cr3t Canary/ü"
TASK = ObjectId()


def token_of(sealed: dict[str, Any]) -> str:
    return str(sealed["x"]["sealed"])


# On its way


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(CANARY)

    assert CANARY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(bson.errors.InvalidDocument) as refused:
        bson.encode({"x": secret})
    assert CANARY not in str(refused.value)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert (secret == Secret(CANARY), secret == Secret("another"), secret == CANARY) == (True, False, False)


def test_what_the_schema_calls_a_secret_is_one_however_deep_it_lies() -> None:
    inner = create_model("Inner", token=(SecretStr, ...), name=(str, "x"))
    schema = schema_of(
        plain=(str, ...), maybe=(SecretStr | None, None), inner=(inner, ...), keys=(dict[str, SecretStr], ...)
    )
    given = {"plain": "p", "maybe": "m", "inner": {"token": "t", "name": "n"}, "keys": {"a": "k"}}

    checked = validate(schema, given)
    assert (checked["plain"], checked["inner"]["name"]) == ("p", "n")
    assert [checked["maybe"], checked["inner"]["token"], checked["keys"]["a"]] == list(map(Secret, "mtk"))
    assert validate(schema, checked) == checked and revealed(checked) == given


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Annotated[SecretStr, Field(min_length=40)], CANARY),
        (Annotated[SecretStr, Field(max_length=3)], CANARY),
        (Annotated[SecretStr, Field(json_schema_extra={"pattern": "^[0-9]+$"})], CANARY),
        (Annotated[SecretStr | None, Field(max_length=3)], CANARY),
        (SecretStr, [CANARY]),
        (SecretStr, f"{CANARY}\0"),
    ],
)
def test_a_limit_holds_and_no_sentence_repeats_the_value(annotation: Any, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        validate(one(annotation), {"x": value})

    assert refused.value.fields.keys() == {"x"}
    assert CANARY not in f"{refused.value} {refused.value.fields}"


def test_json_from_outside_is_never_taken_for_a_kept_secret() -> None:
    schema = one(dict[str, Any])
    token = {"sealed": Vault(["key"]).seal(CANARY, "task:another")}

    for given in (token, {"deep": [token]}):
        with pytest.raises(Invalid) as refused:
            validate(schema, {"x": given})
        assert "looks like a secret as it is kept" in refused.value.fields["x"]
    plain = {"x": {"sealed": "with wax"}}
    assert Vault(["key"]).opened(validate(schema, plain), TASK) == plain


# At rest


def test_a_sealed_secret_opens_in_its_own_task_alone() -> None:
    vault = Vault(["key"])
    sealed = vault.sealed({"x": Secret(CANARY), "y": "plain", "z": [Secret("in a list")]}, TASK)

    assert CANARY not in str(sealed) and sealed["y"] == "plain"
    assert vault.opened(sealed, TASK) == {"x": Secret(CANARY), "y": "plain", "z": [Secret("in a list")]}
    assert masked(sealed) == {"x": MASK, "y": "plain", "z": [MASK]}
    with pytest.raises(CannotOpen, match="damaged or was moved"):
        vault.opened(sealed, ObjectId())
    with pytest.raises(CannotOpen, match="damaged or was moved"):
        vault.open(token_of(sealed), "form")


def test_the_same_secret_is_never_sealed_twice_alike_and_its_length_does_not_show() -> None:
    vault = Vault(["key"])
    tokens = [vault.seal(text, "here") for text in ("abcd", "abcd", "abcd" * 8)]

    assert len(set(tokens)) == 3 and len(set(map(len, tokens))) == 1


@pytest.mark.parametrize(
    "damage", ["", "1", "1.x", "1.{key}.", "1.{key}.AAAA", "1.{key}.ü", "2.{key}.{content}"]
)
def test_a_damaged_token_is_a_sentence(damage: str) -> None:
    vault = Vault(["key"])
    _, key, content = vault.seal(CANARY, "here").split(".")

    with pytest.raises(CannotOpen, match="cannot be read"):
        vault.open(damage.format(key=key, content=content), "here")


def test_a_former_key_still_opens_and_no_longer_seals() -> None:
    old, new, other = Vault(["old"]), Vault(["new", "old"]), Vault(["other"])
    token = old.seal(CANARY, "here")

    assert new.open(token, "here") == CANARY
    with pytest.raises(CannotOpen, match="another SECRETS_KEY.*SECRETS_KEY_FALLBACKS"):
        other.open(token, "here")
    with pytest.raises(CannotOpen, match="another SECRETS_KEY"):
        old.open(new.seal(CANARY, "here"), "here")
    with pytest.raises(CannotOpen, match="No SECRETS_KEY"):
        Vault([""]).open(token, "here")


def test_a_token_may_be_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.core.secrets import vault as module

    token = Vault(["key"]).seal(CANARY, "here")
    assert Vault(["key"]).open(token, "here", timedelta(hours=1)) == CANARY
    later = module.utcnow() + timedelta(hours=2)
    monkeypatch.setattr(module, "utcnow", lambda: later)
    with pytest.raises(CannotOpen, match="longer than it may be"):
        Vault(["key"]).open(token, "here", timedelta(hours=1))


def test_nothing_is_accepted_that_could_not_be_sealed(services: Services, new_task: Any) -> None:
    services.dispatch.vault = Vault([])

    with pytest.raises(CannotOpen, match="No SECRETS_KEY"):
        new_task(params={"x": Secret(CANARY)})
    assert services.db.tasks.count_documents({}) == 0
    assert new_task(params={"x": "no secret"}).params == {"x": "no secret"}
