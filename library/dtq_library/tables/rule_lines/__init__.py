"""Small languages of a form, one rule per line: how they are read, and their grammars."""
