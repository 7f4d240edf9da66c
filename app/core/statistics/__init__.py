"""Figures over time: `metrics` is the table of what Prometheus is told, `meter` counts it, `task_counts` says
which event counts where; `minutes` writes a sample per minute, `series` reads them for Home and the API.

How the figures look on a page is in `app.web.home`, and in the format of Prometheus in `app.web.monitoring`.
"""
