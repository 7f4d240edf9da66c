"""Everything on one machine: `make up` starts MongoDB, Redis, the web server and workers.

    __main__    the commands: `python -m app.local up` and `python -m app.local servers`
    folder      what `.dtq/` keeps: the lock, the secret key, the environment of the children
    supervisor  start in order, restart what dies, stop in reverse order
    kinds       the servers that this machine may have, and how each is started
    servers     which MongoDB and Redis to use, and running them
    guard_indexes   what one stand-in for MongoDB needs on top of the product's indexes
    adoption    data of an earlier default server, taken over by the one that replaces it
    readiness   does the web answer, is a worker ready, which tasks were there before
    children    a process that never outlives us

Production needs none of this. Tests and benchmarks use :func:`stores` to get fresh servers.
"""

from app.local.servers import LocalStores, stores

__all__ = ["LocalStores", "stores"]
