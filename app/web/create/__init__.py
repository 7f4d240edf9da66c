"""Create Task: the form of a task type, from its fields to what was sent."""
