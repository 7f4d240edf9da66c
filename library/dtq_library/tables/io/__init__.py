"""Tables from files and into files: formats, delimiters, layout."""
