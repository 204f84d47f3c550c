"""What turns an artifact into a servable."""
