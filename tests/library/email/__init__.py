"""Tests of *Send an e-mail*."""
