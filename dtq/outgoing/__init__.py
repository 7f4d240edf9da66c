"""Outgoing HTTP through a gate: which addresses may be reached, and connections that go to no others.

Here are the parser of addresses (`url`), which IP addresses are public (`addresses`), what an installation
allows besides (`gate.Policy`), and what httpcore2 connects with (`gate.Gate`). What is sent is the caller's:
the library's task type for HTTP requests, and webhooks. It needs more than the rest of `dtq`:
`pip install 'dtq[outgoing]'`.
"""
