"""Scrubbing: what may be sent of a request, and how secrets are kept out of everything else.

================  ================================================================
``policy``        what may be sent of headers, cookies, query, body and address
``rules``         which keys have sensitive values
``header_kinds``  what a header holds
``secrets``       the secret values of one request
``redactor``      replaces them in whatever is sent
================  ================================================================
"""
