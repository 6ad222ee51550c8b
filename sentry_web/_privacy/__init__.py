"""What may be sent of a request, and how the rest is kept out of what is sent."""
