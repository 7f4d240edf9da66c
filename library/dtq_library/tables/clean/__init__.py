"""*Clean a table*: its steps, the clean rows, and the count of every change."""
