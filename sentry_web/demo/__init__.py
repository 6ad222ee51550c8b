"""The demo: a bookshop served over WSGI and ASGI, and what is reported to Sentry of both.

It ships in the wheel so that ``sentry-web demo`` works on any machine. The modules, in the order in which a
demo uses them:

==================  ==================================================================================
``ingest``          an HTTP server on loopback that receives and decodes what sentry-sdk sends
``shop``            the domain: books, orders, mistakes; knows nothing of the web
``asgi_front``      the shop as a Starlette application
``wsgi_front``      the shop as a Flask application
``visitor``         the requests, and the client that makes them over real HTTP
``comparison``      when two reports are "the same", and which fields do not count
``show``            starts everything, makes the requests, collects the reports
``printing``        the result as tables, plain text or JSON
==================  ==================================================================================

Nothing outside the command line and the tests may import it.
"""
