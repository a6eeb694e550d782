"""`python -m pollwatch`."""

from pollwatch.cli import main

if __name__ == "__main__":
    main()
