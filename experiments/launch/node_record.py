"""What a sweep learns of the nodes of its cluster."""

from collections import Counter

_MOST_LOSSES = 3


class NodeRecord:
    """Which nodes get no more runs, and why.

    Attributes:
      unfit: the ids of those nodes.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.unfit: set[str] = set()
        self._losses: Counter[str] = Counter()
        self._data: tuple[str, str] | None = None

    def lost(self, node: str) -> str:
        """Notes that a run was lost with its process, and gives the reason if the node should get no more."""
        self._losses[node] += 1
        count = self._losses[node]
        return f"{count} runs in a row were lost here" if count >= _MOST_LOSSES else ""

    def came_back(self, node: str) -> None:
        """Notes that a run came back from a node, whatever its end."""
        self._losses[node] = 0

    def other_data(self, digest: str, place: str) -> str:
        """How the data of a run differ from those of the first one that came back; empty if they do not.

        Args:
          digest: of the data; empty where the run came to none.
          place: the name of its node.
        """
        if self._data is None and digest:
            self._data = digest, place
        if not digest or self._data is None or digest == self._data[0]:
            return ""
        return f"{place} has other data of this name than {self._data[1]}; make them the same"
