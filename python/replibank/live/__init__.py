"""Branches seen as they are: followed, and shown in a notebook or a terminal."""
