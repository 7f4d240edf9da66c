"""Everything on one machine: `make up` starts MongoDB, Redis, the web server and workers.

    __main__    the commands: `python -m app.local up` and `python -m app.local servers`
    folder      what `.dtq/` keeps: the lock, the secret key, the environment of the children
    supervisor  start in order, restart what dies, stop in reverse order
    servers     which MongoDB and Redis to use, and how they are started
    children    a process that never outlives us

Production needs none of this. Tests and benchmarks use :func:`stores` to get fresh servers.
"""

from app.local.servers import Stores, stores

__all__ = ["Stores", "stores"]
