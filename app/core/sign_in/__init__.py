"""Signing in: what proves who somebody is, and how often it may be tried."""
