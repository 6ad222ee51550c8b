"""How cheap: the middleware beside what a user would pick instead, in one process run. See ``../README.md``."""
