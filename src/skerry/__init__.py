"""Skerry serves scikit-learn models."""

__version__ = "0.1.0"
