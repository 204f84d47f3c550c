"""Where the two planes meet: what can be reached, and who holds it."""
