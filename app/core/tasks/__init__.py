"""Tasks as MongoDB keeps them: states, values, documents, and every write, each a compare-and-set."""
