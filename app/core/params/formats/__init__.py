"""Values as text and back: dates, durations, JSON, numbers and patterns. Knows no field and no task."""
