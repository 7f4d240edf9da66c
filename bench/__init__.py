"""Measurements, each with a control in the same run. `make bench` prints the tables that `docs/` holds."""
