"""Tests of *HTTP request*."""
