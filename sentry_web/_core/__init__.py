"""The life of one request, the same for every protocol and every output.

==============  ==================================================================
``entry``       is the request recorded, by which outputs; the marker
``exchange``    what happens to it, by the transitions of ``states``
``recordings``  the recordings of the outputs, and calls to all of them
``context``     what is current while application code runs
``nested``      the same request, seen by an inner middleware
``closed``      a request that could not be looked at
``wrapper``     the attributes of a middleware
``verdicts``    what an exception means
``aftermath``   what is left of a request for the exceptions that have left it
``guard``       where a failure of our own ends
==============  ==================================================================
"""
