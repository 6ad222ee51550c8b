"""The public Sentry middlewares: adapters, options and the Sentry recorder put together. No logic beyond that.

Positional parameters and defaults are sentry-sdk's, so that changing the import line is the whole migration. One module
for each protocol: who serves one of them loads nothing of the other.
"""
