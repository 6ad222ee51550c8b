"""The documentation is what the package does: generated pages, and snippets that run."""
