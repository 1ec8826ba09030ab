"""Who holds which parameters."""
