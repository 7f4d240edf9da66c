"""Pages about people: signing in and out, one's own profile, who did what."""
