"""The demo: a bookshop served over WSGI and ASGI, and a comparison of what both report to Sentry.

It is part of the wheel so that ``sentry-web demo`` works on any machine. The modules, in the order in which the demo
uses them:

==================  ==================================================================================
``ingest``          an HTTP server on loopback that receives and decodes what sentry-sdk sends
``shop``            the domain: books, orders and mistakes, without a web interface
``asgi_front``      the shop as a Starlette application
``wsgi_front``      the shop as a Flask application
``visitor``         the requests, and the client that makes them over real HTTP
``comparison``      the comparison of two reports, and the fields that it ignores
``show``            the demo itself: servers, requests and reports
``printing``        the result as tables, plain text or JSON
``viewers``         Bugsink and Spotlight, run on loopback
``transactions``    streamed spans as the transactions that Spotlight shows
``presentation``    the demo in one of these user interfaces
==================  ==================================================================================

Nothing outside the command line and the tests may import it.
"""
