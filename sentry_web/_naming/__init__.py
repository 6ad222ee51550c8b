"""Transaction names and routes."""
