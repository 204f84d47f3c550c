"""The skerry command."""
