"""One chip or part each. A driver knows its pins and its part's data sheet; it records nothing and decides
nothing.
"""
