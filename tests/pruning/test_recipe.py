import json

import pytest

from pruning.errors import RecipeError
from pruning.lossless.options import InputRange
from pruning.recipe import (
    Allocation,
    Answers,
    Block,
    GateOptions,
    LayerOverride,
    Mode,
    NofM,
    Pooling,
    PruningRecipe,
    Unstructured,
)
from pruning.recipe_json import recipe_to_json
from pruning.recipe_parser import parse_recipe


def test_an_empty_object_is_the_lossless_default() -> None:
    assert parse_recipe({}) == PruningRecipe()
    assert PruningRecipe().mode is Mode.LOSSLESS
    assert PruningRecipe().lossless.absolute_threshold == 1e-15


def test_every_field_of_magnitude_is_read() -> None:
    recipe = parse_recipe(
        {
            "mode": "magnitude",
            "sparsity": 0.75,
            "allocation": "erk",
            "pattern": {"kind": "block", "rows": 2, "cols": 8, "pooling": "max"},
            "keep_per_row": 0,
            "layers": {"a": {"skip": True}, "b": {"sparsity": 0}},
            "lossless": {"fold": False, "input_range": {"x": [0, 255]}},
            "max_accuracy_drop": 0.02,
            "min_agreement": 0.98,
            "max_change": 0.5,
            "answers": "numbers",
        }
    )
    assert recipe.sparsity == 0.75
    assert recipe.allocation is Allocation.ERK
    assert recipe.pattern == Block(2, 8, Pooling.MAX)
    assert recipe.keep_per_row == 0
    assert recipe.layers == {"a": LayerOverride(skip=True), "b": LayerOverride(sparsity=0.0)}
    assert recipe.lossless.input_ranges == {"x": InputRange(0.0, 255.0)}
    assert not recipe.lossless.fold
    assert recipe.gate == GateOptions(0.02, 0.98, 0.5, Answers.NUMBERS)


def test_the_gate_of_the_lossless_mode_is_read() -> None:
    assert parse_recipe({"lossless": {"gate": 1e-5}}).lossless.gate == 1e-5


def test_one_range_stands_for_every_input() -> None:
    recipe = parse_recipe({"lossless": {"input_range": [-1, 1]}})
    assert recipe.lossless.input_ranges == {"": InputRange(-1.0, 1.0)}


def test_null_means_not_given() -> None:
    assert parse_recipe({"sparsity": None, "layers": None}) == PruningRecipe()


def test_n_of_m_needs_no_sparsity() -> None:
    recipe = parse_recipe({"mode": "magnitude", "pattern": {"kind": "n_m", "n": 2, "m": 4}})
    assert recipe.pattern == NofM(2, 4)


def test_a_pattern_without_parameters_may_be_named() -> None:
    recipe = parse_recipe({"mode": "magnitude", "sparsity": 0.5, "pattern": "unstructured"})
    assert recipe.pattern == Unstructured()


_MAGNITUDE: dict[str, object] = {"mode": "magnitude", "sparsity": 0.5}
_N_M: dict[str, object] = {"mode": "magnitude", "pattern": {"kind": "n_m", "n": 2, "m": 4}}
_WRONG: list[tuple[object, str]] = [
    ([], ""),
    ("lossless", ""),
    ({1: 2}, ""),
    ({"mode": "magic"}, "mode"),
    ({"mode": 3}, "mode"),
    ({"mode": "magnitude"}, "sparsity"),
    ({"mode": "magnitude", "sparsity": 1.0}, "sparsity"),
    ({"mode": "magnitude", "sparsity": -0.1}, "sparsity"),
    ({"mode": "magnitude", "sparsity": True}, "sparsity"),
    ({"mode": "magnitude", "sparsity": "0.5"}, "sparsity"),
    ({"mode": "magnitude", "sparsity": float("nan")}, "sparsity"),
    ({"mode": "magnitude", "sparsity": float("inf")}, "sparsity"),
    ({"mode": "magnitude", "sparsity": 10**400}, "sparsity"),
    ({"mode": "lossless", "sparsity": 0.5}, "sparsity"),
    ({"mode": "lossless", "threshold": 0.5}, "threshold"),
    ({"mode": "lossless", "keep_per_row": 2}, "keep_per_row"),
    ({"mode": "lossless", "layers": {"a": {"skip": True}}}, "layers"),
    ({"mode": "lossless", "layers": []}, "layers"),
    ({"mode": "threshold"}, "threshold"),
    ({"mode": "threshold", "threshold": -1}, "threshold"),
    ({"mode": "threshold", "threshold": 0.1, "pattern": "unstructured"}, "pattern"),
    ({**_MAGNITUDE, "threshold": 0.1}, "threshold"),
    ({**_MAGNITUDE, "keep_per_row": 1.0}, "keep_per_row"),
    ({**_MAGNITUDE, "keep_per_row": -1}, "keep_per_row"),
    ({**_MAGNITUDE, "keep_per_row": False}, "keep_per_row"),
    ({**_MAGNITUDE, "allocation": "best"}, "allocation"),
    ({**_MAGNITUDE, "sparsty": 0.5}, "sparsty"),
    ({**_MAGNITUDE, "pattern": "n_m"}, "pattern.n"),
    ({**_MAGNITUDE, "pattern": {}}, "pattern.kind"),
    ({**_MAGNITUDE, "pattern": {"kind": "block", "rows": 0, "cols": 4}}, "pattern.rows"),
    ({**_MAGNITUDE, "pattern": {"kind": "block", "rows": 1}}, "pattern.cols"),
    ({**_MAGNITUDE, "pattern": {"kind": "block", "rows": 1, "cols": 4, "n": 1}}, "pattern.n"),
    ({**_MAGNITUDE, "layers": []}, "layers"),
    ({**_MAGNITUDE, "layers": {"a": {"sparsity": 2}}}, "layers.a.sparsity"),
    ({**_MAGNITUDE, "layers": {"a": {"threshold": 2}}}, "layers.a.threshold"),
    ({**_MAGNITUDE, "layers": {"a": {"skip": True, "sparsity": 0.1}}}, "layers.a"),
    ({**_MAGNITUDE, "layers": {"a": {"skip": 1}}}, "layers.a.skip"),
    ({**_N_M, "pattern": {"kind": "n_m", "n": 4, "m": 4}}, "pattern.n"),
    ({**_N_M, "sparsity": 0.9}, "sparsity"),
    ({**_N_M, "allocation": "erk"}, "allocation"),
    ({**_N_M, "keep_per_row": 1}, "keep_per_row"),
    ({**_N_M, "layers": {"a": {"sparsity": 0.1}}}, "layers.a.sparsity"),
    ({"lossless": True}, "lossless"),
    ({"lossless": {"fold": "yes"}}, "lossless.fold"),
    ({"lossless": {"absolute_threshold": 1e-3}}, "lossless.absolute_threshold"),
    ({"lossless": {"gate": 1}}, "lossless.gate"),
    ({**_MAGNITUDE, "lossless": {"gate": 0.01}}, "lossless.gate"),
    ({"mode": "threshold", "threshold": 0.1, "lossless": {"gate": 0.01}}, "lossless.gate"),
    ({**_MAGNITUDE, "max_accuracy_drop": 1.5}, "max_accuracy_drop"),
    ({**_MAGNITUDE, "max_accuracy_drop": "1 %"}, "max_accuracy_drop"),
    ({**_MAGNITUDE, "min_agreement": 99}, "min_agreement"),
    ({**_MAGNITUDE, "max_change": -0.1}, "max_change"),
    ({**_MAGNITUDE, "answers": "logits"}, "answers"),
    ({"lossless": {"input_range": [1, 0]}}, "lossless.input_range"),
    ({"lossless": {"input_range": [1]}}, "lossless.input_range"),
    ({"lossless": {"input_range": [None, 1]}}, "lossless.input_range"),
    ({"lossless": {"input_range": [True, 1]}}, "lossless.input_range.0"),
    ({"lossless": {"input_range": {"x": 3}}}, "lossless.input_range.x"),
    ({"lossless": {"input_range": {"": [0, 1]}}}, "lossless.input_range"),
]


@pytest.mark.parametrize(("data", "field"), _WRONG)
def test_a_wrong_recipe_is_refused_at_its_field(data: object, field: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(data)
    assert caught.value.field == field
    assert caught.value.expected
    assert caught.value.got


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="sparsity"):
        parse_recipe({"mode": "magnitude", "sparsity": 0.5, "sparsty": 0.5})


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        ({**_MAGNITUDE, "max_accuracy_loss": 0.01}, "max_accuracy_drop"),
        ({**_MAGNITUDE, "max_acuracy_drop": 0.01}, "max_accuracy_drop"),
        ({**_MAGNITUDE, "gate": 0.01}, "max_accuracy_drop, min_agreement or max_change"),
        ({**_MAGNITUDE, "lossless": {"gate": 0.01}}, "max_accuracy_drop"),
        ({**_MAGNITUDE, "min_agreements": 0.01}, "min_agreement"),
        ({**_MAGNITUDE, "fold": False}, "lossless.fold"),
        ({"mode": "magnitud", "sparsity": 0.5}, "magnitude"),
        ({"lossless": {"simplfy": False}}, "simplify"),
    ],
)
def test_a_near_name_is_answered_with_the_right_one(data: object, meant: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(data)
    assert meant in caught.value.hint


def test_a_name_like_no_other_is_answered_without_a_guess() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe({"zzzz": 1})
    assert caught.value.hint == ""


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe({"mode": "x" * 10_000})
    assert len(str(caught.value)) < 400


_FORMS: list[dict[str, object]] = [
    {},
    {"lossless": {"input_range": [0, 1], "fold": False, "gate": 0.0}},
    {"lossless": {"input_range": {"a": [0, 1], "b": [-2.5, 3]}}},
    {
        "mode": "threshold",
        "threshold": 0.25,
        "layers": {"a": {"threshold": 0.5}, "b": {"skip": True}},
    },
    {"mode": "magnitude", "sparsity": 0.5, "allocation": "erk", "layers": {"a": {"sparsity": 0}}},
    {"mode": "magnitude", "pattern": {"kind": "n_m", "n": 2, "m": 4}},
    {"mode": "magnitude", "sparsity": 0.5, "pattern": {"kind": "block", "rows": 2, "cols": 3}},
    {"mode": "magnitude", "sparsity": 0.5, "max_accuracy_drop": 0.02, "answers": "classes"},
    {"mode": "threshold", "threshold": 0.5, "min_agreement": 0.9, "max_change": 0.0},
]


@pytest.mark.parametrize("data", _FORMS)
def test_the_json_form_of_a_recipe_is_read_back_as_the_same(data: dict[str, object]) -> None:
    recipe = parse_recipe(data)
    assert parse_recipe(json.loads(json.dumps(recipe_to_json(recipe)))) == recipe
