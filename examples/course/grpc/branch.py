"""A branch of the bank: the template's attributes and methods, over a branch in Rust."""

from replibank.course import Branch

__all__ = ["Branch"]
