"""What a process has of its own, put back after each attempt: interpreter, system, threads."""
