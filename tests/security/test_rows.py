"""What every answer must hold, over all routes."""

from __future__ import annotations

import pytest

from tests.security.world import World


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"}])
def test_no_answer_is_shared_with_another_origin(headers, app, client, services):
    world = World(app, client, services)
    for route in world.routes():
        for method in (route.method, "OPTIONS"):
            with client.open(route.path, method=method, headers=headers) as answer:
                shared = [name for name in dict(answer.headers) if name.startswith("Access-Control-")]
                assert shared == [], f"{method} {route.endpoint}"
                assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
