"""Scrubbing: which parts of a request may be sent, and how its secrets are kept out of everything else.

================  ================================================================
``policy``        which headers, cookies, query, body and address may be sent
``rules``         which keys have sensitive values
``header_kinds``  the classification of headers by name
``nested``        values within values: JSON, URLs, pairs
``secrets``       the secret values of one request
``likeness``      whether a value looks like a secret
``canonical``     one form of a text for all its escapes
``shapes``        secrets that are known by their shape
``redactor``      their replacement in everything that is sent
================  ================================================================
"""
