"""The numbers in README.md and docs/, written from the committed results."""
