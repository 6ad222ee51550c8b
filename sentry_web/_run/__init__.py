"""What stands behind ``sentry-web run``: finding the application, serving it, and showing what is reported.

============  ==========================================================================
``target``    ``module:attribute`` → the application and the interface it speaks
``servers``   one socket, uvicorn for ASGI, werkzeug's server for WSGI; the demo's too
``launch``    the command of another server that the user names
``served``    what that server's processes import; ``reloading``: werkzeug's as a program
``readings``  what a person wants to know of an event: status, duration, frame, filtered
``cards``     a transport of sentry-sdk that prints what it is given
``command``   all of it in order
============  ==========================================================================

Nothing outside the command line and the demo may import it.
"""
