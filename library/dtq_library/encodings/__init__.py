"""Which character encoding a text is in: for tables, texts and the names in archives."""
