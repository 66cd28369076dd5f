"""`python -m replibank` is the command `replibank`."""

from replibank.cli import main

if __name__ == "__main__":
    main()
