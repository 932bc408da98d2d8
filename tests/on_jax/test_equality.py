"""JAX computes what TensorFlow computes, from the same weights on the same examples."""

import pytest

from benchmarks import equality


@pytest.mark.parametrize("case", equality.CASES)
def test_numbers_are_those_of_tensorflow(case: str) -> None:
    reference = equality.of_case(case)
    found = equality.numbers(reference, [case])
    worst, wrong = equality.differences(reference, found)
    assert wrong == []
    assert {f"{case}/{kind}" for kind in ("start", "objective", "gradient", "log", "end")} == worst.keys()


def test_a_difference_is_found() -> None:
    reference = equality.of_case("CE")
    for name in ("CE/objective/first", "CE/gradient/0", "CE/end/optimizer/2", "CE/log/ensemble_cost"):
        changed = reference | {name: reference[name] * 1.001}
        assert [line.split(":")[0] for line in equality.differences(reference, changed)[1]] == [name]
    assert equality.differences(reference, {**reference, "CE/end/more": reference["CE/objective/first"]})[1]
