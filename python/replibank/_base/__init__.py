"""The ground that everything stands on. It knows no bank."""
