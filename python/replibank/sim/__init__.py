"""The bank in virtual time: plans, what came of them, and the same plans on a live bank."""
