"""How people prove who they are, besides a password."""
