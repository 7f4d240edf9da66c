"""The engine of *Send an e-mail*: one message, to all of its recipients or to none.

addresses.py  what is an address
message.py    the message, with headers that nothing can be put into
smtp.py       the conversation with the mail server, and what its answers mean
parameters.py what the form asks
"""
