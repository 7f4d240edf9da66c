"""What leaves for other servers: HTTP through a gate, which reaches no address but those allowed, and mail.

Here are the parser of addresses (`url`), which IP addresses are public (`addresses`), what an installation
allows besides (`gate.Policy`), what httpcore2 connects with (`gate.Gate`), and connections to a mail server
(`mail`). What is sent is the caller's: the library's task types, and notifications. It needs more than the
rest of `dtq`: `pip install 'dtq[outgoing]'`.
"""
