"""Random streams."""

from collab_ensembles.streams import Stream, generator


def test_streams_repeat_and_are_separate() -> None:
    def numbers(seed: int, stream: Stream, *indices: int) -> list[int]:
        return list(generator(seed, stream, *indices).integers(2**31, size=4))

    assert numbers(0, Stream.ORDER, 1) == numbers(0, Stream.ORDER, 1)
    others = [
        numbers(1, Stream.ORDER, 1),
        numbers(0, Stream.AUGMENTATION, 1),
        numbers(0, Stream.ORDER, 2),
        numbers(0, Stream.ORDER),
    ]
    assert numbers(0, Stream.ORDER, 1) not in others


def test_the_numbers_of_the_streams_stay() -> None:
    """They enter the seeds: renumbering would change every result."""
    assert {stream.name: stream.value for stream in Stream} == {
        "INITIALISATION": 0,
        "ORDER": 1,
        "AUGMENTATION": 2,
        "LABEL_NOISE": 3,
        "PAIRS": 4,
        "CHOICE": 5,
        "MASKS": 6,
        "SYMBOLS": 7,
        "PARTS": 8,
        "COMMUNICATION": 9,
        "NOISE": 10,
        "UNLABELLED": 12,
        "SPLIT": 13,
    }
