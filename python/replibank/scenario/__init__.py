"""The course's files: an input is read, run, or served, and what came of it is told."""
