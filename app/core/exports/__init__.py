"""A list as a file, written while it is read: CSV for spreadsheets, JSON Lines and Parquet for programs."""
