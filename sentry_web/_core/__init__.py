"""The life of one request, the same for every protocol and every output."""
