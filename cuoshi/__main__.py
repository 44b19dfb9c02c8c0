"""`python -m cuoshi`."""

from cuoshi.classifier.cli import main

main()
