"""Signing in and out: by a password, a link, a second step, a passkey, a provider, a proxy."""
