"""A customer of the bank: the template's attributes and methods, over a customer in Rust."""

from replibank.course import Customer

__all__ = ["Customer"]
