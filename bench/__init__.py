"""Measurements: programs that print or write tables, and never fail a build."""
