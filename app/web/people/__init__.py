"""Who somebody is: signing in and out, and one's own profile."""
