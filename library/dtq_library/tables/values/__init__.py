"""What the cells of a column hold: numbers, dates, text; decided for whole columns."""
