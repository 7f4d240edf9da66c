"""Tests of the text types."""
