"""``python -m activeclust`` is the command ``activeclust``."""

from activeclust.cli import main

if __name__ == "__main__":
    main()
