"""For CPython: what a program for boards takes from this module."""


def const(value):
    return value
