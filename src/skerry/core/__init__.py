"""Values and rules shared by all parts: standard library and numpy, no I/O."""
