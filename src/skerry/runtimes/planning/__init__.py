"""Chooses what answers a version's rows: candidates, proof, measurement, evidence."""
