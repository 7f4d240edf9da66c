"""Faults on purpose, on real stores and real processes: see docs/explanation/reliability.md.

python -m tests.chaos.faults --times 50      # the cases C1 to C26, a table with counts
python -m tests.chaos.storm full             # the kill storm and its control
"""
