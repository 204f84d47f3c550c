"""What Skerry is measured beside: services as somebody would write them by hand."""
