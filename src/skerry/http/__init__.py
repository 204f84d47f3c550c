"""Routes, wire schemas and the edge of the server."""
