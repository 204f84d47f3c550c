"""The chart's Grafana dashboard: ``make dashboard`` writes helm/skerry/files/dashboard.json.

What is shown is in ``rows.py``; ``grafana.py`` makes of it what Grafana reads.
"""
