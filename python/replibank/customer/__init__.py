"""Customers of a branch, blocking and for asyncio, and what a branch says of itself."""
