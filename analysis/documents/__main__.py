"""Writes the tables and sentences with numbers in README.md and docs/ again, from the committed results.

They are between `<!-- generated: NAME -->` and `<!-- end -->`. All other text does not change.

Example:
  python -m analysis.documents
Check alone; exit status 1 if a document is not up to date:
  python -m analysis.documents --check
"""

from absl import flags

from analysis.documents import generated
from experiments import command_line

_CHECK = flags.DEFINE_bool("check", False, "write nothing; exit status 1 if a document is not up to date")


def main(arguments: list[str]) -> int:
    """Writes the documents, or names those that are not up to date."""
    command_line.no_arguments(arguments)
    changed = generated.update(write=not _CHECK.value)
    for path in changed:
        print(f"{path}: not up to date; run python -m analysis.documents" if _CHECK.value else f"{path}: written")
    return int(_CHECK.value and bool(changed))


if __name__ == "__main__":
    command_line.launch(main)
