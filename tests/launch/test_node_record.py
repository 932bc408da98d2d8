"""Which nodes of a cluster get no more runs."""

from experiments.launch.node_record import NodeRecord


def test_three_losses_in_a_row_are_a_reason_and_a_run_that_came_back_forgives() -> None:
    record = NodeRecord()
    assert [record.lost("one"), record.lost("other"), record.lost("one")] == ["", "", ""]
    record.came_back("one")
    assert [record.lost("one"), record.lost("one")] == ["", ""]
    assert record.lost("one") == "3 runs in a row were lost here"


def test_the_data_of_the_first_run_count() -> None:
    record = NodeRecord()
    assert record.other_data("", "empty") == ""
    assert record.other_data("a", "one") == ""
    assert record.other_data("a", "other") == ""
    assert record.other_data("", "other") == ""
    assert record.other_data("b", "other") == "other and one have different data of this name; make them the same"
