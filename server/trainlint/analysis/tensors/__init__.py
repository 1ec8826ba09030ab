"""What tensors look like, and what losses take."""
