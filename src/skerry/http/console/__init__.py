"""The console at ``/``: one page about what is served, rendered here, made live by its scripts."""
