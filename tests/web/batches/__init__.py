"""Create many, and the page of a batch."""
