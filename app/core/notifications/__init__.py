"""Notifications: who is told of what happens to tasks, and the deliveries that tell them.

A task's end is noted in the task itself, by the write that ends it; `outbox` makes deliveries of such notes,
and `conditions` of what is looked for from time to time. A delivery is a document (`deliveries`) until it was
accepted or given up; `sending` sends them, by one of `channels`. Who may see which task is not decided
here: `outbox` is told (`Audience`).
"""
