"""The authenticator app on the profile: set up, recovery codes, removal, and confirming that it is you."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

import pytest

from app.core.people.roles import Role
from app.core.sign_in.factors import Factors
from tests.core.sign_in.phone import Phone, set_up
from tests.signing_in import token_of
from tests.web.looking import text_of

GOOD = "correct horse battery"


@pytest.fixture
def ann(services):
    return services.people.users.add(
        "ann", Role.SUBMITTER, password_hash=services.sign_in.passwords.hashed(GOOD)
    )


@pytest.fixture
def hers(signed_in_as, ann):
    """A browser in which Ann has signed in a moment ago."""
    return signed_in_as(Role.SUBMITTER, "ann")


@pytest.fixture
def second_factors(services):
    return Factors.of(services.db, services.settings).second_factors


def post(client, path, **values):
    values["csrf_token"] = token_of(client.get("/profile").text)
    return client.post(f"/profile/{path}", data=values)


def codes_on(page):
    return re.findall(r"<code>([a-z2-7-]{19})</code>", page)


def test_it_is_set_up_from_the_picture_to_the_codes(hers, ann, second_factors):
    assert post(hers, "app/begin").location == "/profile/app"
    page = hers.get("/profile/app").text
    phone = Phone(re.search(r"Key: <code>([A-Z2-7 ]+)</code>", page)[1])
    wrong = post(hers, "app", code="12")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (422, True)
    assert not second_factors.active(ann.id)
    shown = post(hers, "app", code=phone.code())
    codes = codes_on(shown.text)
    assert (shown.status_code, len(codes), shown.headers["Cache-Control"]) == (200, 10, "no-store")
    href = html.unescape(re.search(r'href="(data:[^"]+)"', shown.text)[1])
    assert unquote(href.partition(",")[2]).split() == codes
    assert second_factors.active(ann.id)
    assert "10 recovery codes left" in text_of(hers.get("/profile").text)
    assert hers.get("/profile/app").location == "/profile"


def test_the_picture_holds_no_style_and_says_what_it_is(hers):
    post(hers, "app/begin")
    picture = re.search(
        r'<div class="qr" role="img" aria-label="[^"]+">(.*?)</div>', hers.get("/profile/app").text
    )
    assert picture[1].startswith("<svg") and "style" not in picture[1]


def test_fresh_codes_are_shown_once(hers, ann, second_factors):
    _, old = set_up(second_factors, ann)
    fresh = codes_on(post(hers, "app/codes").text)
    assert len(fresh) == 10 and not set(fresh) & set(old)
    assert not set(fresh) & set(codes_on(hers.get("/profile").text))


def test_without_an_app_there_are_no_codes(hers):
    assert post(hers, "app/codes").status_code == 409


@pytest.mark.parametrize("by", ["password", "code"])
def test_it_is_removed_by_a_password_or_a_code(hers, ann, second_factors, by):
    phone, _ = set_up(second_factors, ann)
    wrong = post(hers, "app/remove", proof="wrong")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (422, True)
    assert second_factors.active(ann.id)
    right = {"password": GOOD, "code": phone.code()}[by]
    assert post(hers, "app/remove", proof=right).location == "/profile"
    assert not second_factors.active(ann.id)


def test_the_only_one_stays_where_one_is_required(hers, ann, second_factors, services):
    set_up(second_factors, ann)
    services.people.users.require_second_factor(ann.id, True)
    assert post(hers, "app/remove", proof=GOOD).status_code == 409
    assert second_factors.active(ann.id)


@pytest.mark.parametrize("path", ["app/begin", "app/codes"])
def test_changes_lead_to_a_confirmation_after_a_while(hers, ann, second_factors, services, path):
    set_up(second_factors, ann)
    old = {"created_at": ann.created_at.replace(year=ann.created_at.year - 1)}
    services.db.sessions.update_many({}, {"$set": old})
    page = hers.get("/profile").text
    assert "/profile/app/begin" not in page and "/profile/confirm" in page
    assert post(hers, path).location == "/profile/confirm"
    token = token_of(page)
    json = {"Accept": "application/json"}
    assert hers.post(f"/profile/{path}", data={"csrf_token": token}, headers=json).status_code == 403
    wrong = post(hers, "confirm", proof="wrong")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (422, True)
    assert post(hers, "confirm", proof=GOOD).location == "/profile"
    assert "/profile/app/begin" in hers.get("/profile").text
    assert post(hers, path).status_code in (200, 303)


def test_who_has_nothing_to_confirm_with_is_told_to_sign_in_again(client):
    page = client.get("/profile/confirm").text
    assert 'name="proof"' not in page and "Sign out, and sign in again" in text_of(page)


def test_confirming_too_often_says_when_to_try_again(hers, services):
    answers = [post(hers, "confirm", proof="x") for _ in range(services.settings.sign_in_rate.count + 1)]
    assert answers[-1].status_code == 429 and int(answers[-1].headers["Retry-After"]) > 0
