"""Event streams, without a server: what they tell whom, and how they share a thread."""
