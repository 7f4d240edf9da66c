"""Commands of `flask`, thin over the core.

settings    every setting with its value
types       the task types that workers published
acting      on whose behalf a command acts
data        the database as files, and back
keys        secrets under a new key
migrate     the database to the format of this version
run         one task from a command line, followed to its end
users       who may sign in, and links to sign in
show        how tasks and types are said on a terminal
"""

from __future__ import annotations

from flask import Flask
from flask.cli import AppGroup

from app.cli.data import data_group
from app.cli.keys import keys_group
from app.cli.migrate import migrate_command
from app.cli.run import run_command
from app.cli.settings import settings_command
from app.cli.startup import say_where_to_sign_in
from app.cli.types import types_command
from app.cli.users import users_group

tasks = AppGroup("tasks", help="Task types, and running them.")
tasks.add_command(types_command)
tasks.add_command(run_command)


def init_app(app: Flask) -> None:
    app.cli.add_command(settings_command)
    app.cli.add_command(tasks)
    app.cli.add_command(data_group)
    app.cli.add_command(users_group)
    say_where_to_sign_in(app)
    app.cli.add_command(keys_group)
    app.cli.add_command(migrate_command)
