"""The path of a request, from a route to an answer."""
