import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfads_nb.errors import ParamsError
from lfads_nb.sweep import RunParams
from lfads_nb.widgets.panels.field_values import parse_list, parse_value, value_text

INFO = RunParams.param_info()


@pytest.mark.parametrize("name", list(INFO))
def test_every_default_survives_the_form(name):
    default = INFO[name].default
    assert parse_value(INFO[name], value_text(default)) == default


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_numbers_are_written_without_loss(value):
    assert parse_value(INFO["learning_rate_init"], value_text(value)) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("factors_dim", " 8 ", 8),
        ("factors_dim", "1e2", 100),
        ("learning_rate_stop", "1e-3", 1e-3),
        ("do_train_readin", "no", False),
        ("output_dist", "gamma", "gamma"),
        ("num_steps_for_gen_ic", "", None),
        ("num_steps_for_gen_ic", "12", 12),
        ("alignment_extra_args", "'ridgeNormalizeEach', True", ("ridgeNormalizeEach", True)),
        ("alignment_extra_args", "", ()),
        ("name", "my <label>", "my <label>"),
    ],
)
def test_text_is_read_by_the_field_kind(name, text, value):
    assert parse_value(INFO[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("factors_dim", "8.5", "a whole number"),
        ("factors_dim", "0", "at least 1"),
        ("factors_dim", "", "is empty"),
        ("co_dim", "-1", "at least 0"),
        ("keep_prob", "1.5", "at most 1"),
        ("keep_prob", "0", "above 0"),
        ("learning_rate_init", "nan", "a number"),
        ("learning_rate_init", "inf", "a number"),
        ("learning_rate_init", "fast", "a number"),
        ("do_train_readin", "maybe", "true or false"),
        ("output_dist", "poison", "'poisson'"),
        ("alignment_extra_args", "__import__('os')", "a value"),
    ],
)
def test_what_is_wrong_is_said_with_the_legal_range(name, text, words):
    with pytest.raises(ParamsError, match=words.replace("'", ".")):
        parse_value(INFO[name], text)


def test_lists_take_commas_semicolons_and_blanks():
    for text in ("2, 4, 8", "2;4;8", "2 4 8", "2,4,8,"):
        assert parse_list(INFO["factors_dim"], text) == [2, 4, 8]
    assert parse_list(INFO["output_dist"], "poisson, gamma") == ["poisson", "gamma"]


@pytest.mark.parametrize("text", ["", " , ", "2, x", "2, 2"])
def test_bad_lists_are_refused(text):
    with pytest.raises(ParamsError):
        parse_list(INFO["factors_dim"], text)


def test_no_bounds_mean_no_refusal():
    assert math.isclose(parse_value(INFO["max_grad_norm"], "1e30"), 1e30)
