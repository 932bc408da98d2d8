"""What is written under tables of several kinds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from collab_ensembles.runs.run_directory import Status

DEVIATION = "Behind ±: the standard deviation over the runs, which differ in their seeds."


def seeds(rows: Mapping[str, Sequence[int]]) -> list[str]:
    """A note if rows, given by name with their seeds, differ in them; otherwise none."""
    texts = {row: ", ".join(map(str, own)) for row, own in rows.items()}
    ((usual, _),) = Counter(texts.values()).most_common(1)
    others = [f"{row} has {own}" for row, own in texts.items() if own != usual]
    return [f"Rows differ in their seeds: {'; '.join(others)}; the others have {usual}."] if others else []


def span(numbers: Sequence[int]) -> str:
    """The least and the greatest number, such as `30 to 60`; one number if they are equal."""
    return " to ".join(map(str, sorted({min(numbers), max(numbers)})))


def left_out(count: int) -> str:
    """How many runs are not in a table."""
    return "1 run is not finished and left out" if count == 1 else f"{count} runs are not finished and left out"


def early_stopping(statuses: Iterable[Status]) -> list[str]:
    """A note on the epochs after which early stopping ended runs, and on those whose weights it took back."""
    ended = [(status.ended_after, status.best_epoch) for status in statuses if status.ended_after]
    if not ended:
        return []
    last, best = map(span, zip(*ended, strict=True))
    return [
        f"Early stopping: training ended after epoch {last}; the weights, and so these numbers, are those of epoch "
        f"{best}, which a part of the training examples chose."
    ]
