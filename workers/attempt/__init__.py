"""One attempt in the child process: run, output, limits, outcome and journal."""
