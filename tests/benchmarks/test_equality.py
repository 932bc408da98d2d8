"""The numbers that JAX is compared with are TensorFlow's."""

import pytest

from benchmarks import equality


@pytest.mark.parametrize("case", equality.CASES)
def test_committed_numbers_are_tensorflows(case: str) -> None:
    reference = equality.of_case(case)
    assert equality.differences(reference, equality.numbers(reference, [case]))[1] == []
