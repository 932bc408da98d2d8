"""Records what happens to runs on each node of a cluster."""

from collections import Counter

_MOST_LOSSES = 3


class NodeRecord:
    """Decides which nodes get no more runs.

    Attributes:
      unfit: the ids of those nodes.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.unfit: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._data: tuple[str, str] | None = None

    def lost(self, node: str) -> str:
        """Records that a run was lost with its process; returns a reason if the node should get no more runs."""
        self._losses[node] += 1
        count = self._losses[node]
        return f"{count} runs in a row were lost here" if count >= _MOST_LOSSES else ""

    def came_back(self, node: str) -> None:
        """Records that a node has returned a run, successful or not."""
        self._losses[node] = 0

    def other_data(self, digest: str, place: str) -> str:
        """An error if the data of a run differ from the data of the first returned run; otherwise empty.

        Args:
          digest: the digest of the data; empty if the run has loaded none.
          place: the name of the run's node.
        """
        if self._data is None and digest:
            self._data = digest, place
        if not digest or self._data is None or digest == self._data[0]:
            return ""
        return f"{place} and {self._data[1]} have different data of this name; make them the same"
