"""Transaction names and routes.

==============  ==================================================================
``naming``      the name of one request, determined on demand
``frameworks``  routes and endpoints by framework; one module for each family
``paths``       a bounded number of names made from paths
==============  ==================================================================
"""
