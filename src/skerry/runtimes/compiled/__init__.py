"""Estimators as plain functions of arrays. What they compute is proved, not trusted."""
