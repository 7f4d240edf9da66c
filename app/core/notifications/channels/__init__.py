"""How a person is told: each module sends a delivery in one way, and answers with an `Attempt`; none raises.

`webhook` and `chat` go through the gate of outgoing HTTP (`posting`), `email` through the mail server.
"""
