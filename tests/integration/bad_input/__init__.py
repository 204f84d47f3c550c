"""Requests that no server should take, by what is wrong with them."""
