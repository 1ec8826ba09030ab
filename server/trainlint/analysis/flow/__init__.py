"""From a value back to what it was computed from."""
