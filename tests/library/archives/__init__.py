"""Tests of the types for archives."""
