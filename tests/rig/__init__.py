"""The program as processes and a person before it: what tests, chaos and benchmarks share.

`processes` waits and looks, `fleet` runs workers, `web` runs gunicorn, `person` asks over HTTP, `forms` reads
forms. Servers come from `app.local.servers`. Nothing here imports pytest, mongomock or the tests of a room.
"""
