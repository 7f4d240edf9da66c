"""The engine of *HTTP request*: one exchange with a server that an operator would not mind.

    url.py        addresses, read strictly and in one way only
    addresses.py  which IP addresses are nobody's business
    gate.py       the policy; resolves a name once, checks every address, connects to what was checked
    deadline.py   one deadline over everything: names, connections, handshakes, every read and write
    fetch.py      the exchange: redirects, each through the gate again; the body, to a limit
    headers.py    what a person may send; what stays behind at another origin; what is never shown
    body.py       gzip with a limit, and bytes as text
    retries.py    what may be tried again, and when
    trust.py      whose certificates are believed
    errors.py     `Refused` and `Trouble`
    parameters.py what the form asks

Nothing is read from the environment, so no proxy of it is used. httpcore2 does the protocol; it is imported
by `gate` and `fetch` only, which are imported when a task needs them.
"""
