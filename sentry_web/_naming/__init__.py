"""Transaction names and routes.

==============  ==================================================================
``naming``      the name of one request, found when it is asked for
``frameworks``  what frameworks know of it; one module a family of frameworks
``paths``       a bounded number of names made from paths
==============  ==================================================================
"""
