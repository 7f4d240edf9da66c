"""Parameters of task types: fields, parsing, validation, constraints, paths and command-line words."""
