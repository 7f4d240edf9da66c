"""Pages about people: signing in and out, the user's own profile, who did what."""
