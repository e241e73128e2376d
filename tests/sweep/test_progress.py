import pytest

from lfads_nb.sweep.progress import TrainSummary


@pytest.mark.parametrize(
    ("epochs", "best", "course"),
    [
        (100, 95, "while the validation cost was still falling"),
        (100, 60, "when the validation cost had not fallen since epoch 60 of 100"),
        (5, None, "before the penalties had their full weights, so that no epoch counts as best"),
    ],
)
def test_why_training_ended_says_whether_the_cost_was_still_falling(epochs, best, course):
    summary = TrainSummary(epochs, 3 * epochs, "max_epochs reached", best, None, 1.0, 10)
    assert summary.in_words == f"max_epochs reached, {course}"


def test_of_a_populations_winner_it_is_not_said_that_its_penalties_never_had_their_full_weights():
    summary = TrainSummary(9, 27, "max_epochs=9 reached", None, None, 1.0, 10, full_weights=True)
    assert summary.in_words == "max_epochs=9 reached"
