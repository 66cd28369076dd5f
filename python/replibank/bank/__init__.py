"""A running bank: how it starts, what can befall it, and its two classes, blocking and for asyncio."""
