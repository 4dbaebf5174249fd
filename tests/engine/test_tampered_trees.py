"""A model file that somebody changed on purpose: trees that lead native code astray, strange types, other families."""

import re
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import DamagedFile
from engine.models.base import Recipe
from engine.models.catalog import make_scorer, scorer_class
from engine.models.skops_file import load_estimator, save_estimator
from tests.engine.made_features import made_set

FILES = {
    "random-forest": "forest.skops",
    "gradient-boosting": "boosting.skops",
    "hist-gradient-boosting": "hist-boosting.skops",
}
COUNTED = {"random-forest": "trees", "gradient-boosting": "stages", "hist-gradient-boosting": "stages"}
DATA = made_set(photos=40)


def fitted(name):
    scorer = make_scorer(Recipe(name, params={COUNTED[name]: 5}))
    list(scorer.fit(DATA))
    return scorer


def estimator(scorer):
    return scorer._forest if hasattr(scorer, "_forest") else scorer._booster


def trees(scorer):
    """Return the scikit-learn trees inside."""
    inner = estimator(scorer)
    return [model.tree_ for model in np.ravel(inner.estimators_)]


def refused(name, folder, match=None):
    with pytest.raises(DamagedFile, match=match) as caught:
        scorer_class(name).load(folder)
    assert FILES[name] in str(caught.value)


def change(tree, field, node, value):
    state = tree.__getstate__()
    if field == "values":
        state["values"] = state["values"].copy()
        state["values"][node] = value
    else:
        nodes = state["nodes"].copy()
        nodes[field][node] = value
        state["nodes"] = nodes
    tree.__setstate__(state)


@pytest.mark.parametrize("name", ["random-forest", "gradient-boosting"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 10**9),
        ("right_child", 10**9),
        ("left_child", 0),
        ("right_child", 0),
        ("left_child", -2),
        ("right_child", -1),
        ("left_child", -(2**40)),
        ("feature", 32),
        ("feature", 2**40),
        ("feature", -1),
        ("threshold", np.nan),
        ("threshold", np.inf),
        ("values", np.nan),
        ("values", -np.inf),
    ],
)
def test_a_node_that_leads_astray_is_refused(name, field, value, tmp_path):
    scorer = fitted(name)
    change(trees(scorer)[-1], field, 0, value)
    scorer.save(tmp_path)
    refused(name, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left", 10**9),
        ("right", 10**9),
        ("left", 0),
        ("right", 0),
        ("feature_idx", 32),
        ("feature_idx", 2**40),
        ("feature_idx", -1),
        ("num_threshold", np.nan),
        ("value", np.inf),
        ("is_categorical", 1),
    ],
)
def test_a_node_of_histogram_boosting_that_leads_astray_is_refused(field, value, tmp_path):
    scorer = fitted("hist-gradient-boosting")
    scorer._booster._predictors[-1][0].nodes[field][0] = value
    scorer.save(tmp_path)
    refused("hist-gradient-boosting", tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(["left_child", "right_child", "feature", "threshold", "values"]),
    node=st.integers(0, 6),
    value=st.integers(-(2**62), 2**62) | st.integers(-3, 40),
)
def test_whatever_stands_in_a_node_a_loaded_forest_predicts_or_is_refused(tmp_path, field, node, value):
    scorer = fitted("gradient-boosting")
    change(trees(scorer)[0], field, node, value)
    scorer.save(tmp_path)
    try:
        loaded = scorer_class("gradient-boosting").load(tmp_path)
    except DamagedFile:
        return
    assert np.isfinite(loaded.predict(DATA.album)).all()


def edit_schema(file, pattern, replacement):
    """Change the text in a skops file that says how its objects are to be made; all else stays."""
    with zipfile.ZipFile(file) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    text = parts["schema.json"].decode()
    changed, count = re.subn(pattern, replacement, text, count=1, flags=re.DOTALL)
    assert count == 1
    parts["schema.json"] = changed.encode()
    with zipfile.ZipFile(file, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


@pytest.mark.parametrize("name", ["random-forest", "gradient-boosting"])
@pytest.mark.parametrize("count", [0, 1, -5, 10**8])
def test_a_tree_that_miscounts_its_nodes_is_refused_or_does_no_harm(name, count, tmp_path):
    scorer = fitted(name)
    scorer.save(tmp_path)
    edit_schema(tmp_path / FILES[name], r'("node_count": \{[^}]*?"content": ")\d+', rf"\g<1>{count}")
    if count < 2:  # the root's children are beyond the count
        refused(name, tmp_path)
        return
    # scikit-learn itself takes no more nodes than there are
    loaded = scorer_class(name).load(tmp_path)
    np.testing.assert_allclose(loaded.predict(DATA.album), scorer.predict(DATA.album))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("features", [1, 31, 33, 10**6])
def test_an_ensemble_that_takes_other_features_than_its_trees_is_refused(name, features, tmp_path):
    scorer = fitted(name)
    estimator(scorer).n_features_in_ = features
    scorer.save(tmp_path)
    if name == "hist-gradient-boosting" or features != 32:
        refused(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_an_ensemble_that_does_not_say_what_it_takes_is_refused(name, tmp_path):
    scorer = fitted(name)
    del estimator(scorer).n_features_in_
    scorer.save(tmp_path)
    refused(name, tmp_path, "number of features")


@pytest.mark.parametrize("name", FILES)
def test_another_estimator_in_a_familys_file_is_refused(name, tmp_path):
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import ExtraTreesRegressor

    scorer = fitted(name)
    scorer.save(tmp_path)
    for other in (
        ExtraTreesRegressor(3).fit(DATA.features, DATA.scores),
        DummyRegressor().fit(DATA.features, DATA.scores),
        {"no": "estimator"},
    ):
        save_estimator(tmp_path / FILES[name], other)
        refused(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("other", FILES)
def test_another_familys_file_is_refused(name, other, tmp_path):
    if name == other:
        return
    scorer, foreign = fitted(name), fitted(other)
    scorer.save(tmp_path)
    save_estimator(tmp_path / FILES[name], estimator(foreign))
    refused(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_strange_type_anywhere_is_named_and_not_made(name, tmp_path):
    from sklearn.preprocessing import FunctionTransformer

    scorer = fitted(name)
    estimator(scorer).verbose = FunctionTransformer(func=made_set)
    scorer.save(tmp_path)
    refused(name, tmp_path, r"not trusted: it holds .*made_set")


@pytest.mark.parametrize("name", FILES)
def test_even_a_harmless_type_is_refused_where_it_does_not_belong(name, tmp_path):
    from sklearn.linear_model import LinearRegression

    scorer = fitted(name)
    estimator(scorer).verbose = LinearRegression()
    scorer.save(tmp_path)
    refused(name, tmp_path, "not trusted: it holds .*LinearRegression")


def test_a_type_hidden_from_the_first_look_is_not_made_either(tmp_path):
    """The list of types is read from the file; what then is made must be of that list all the same."""
    from sklearn.ensemble import RandomForestRegressor

    fitted("random-forest").save(tmp_path)
    file = tmp_path / "forest.skops"
    edit_schema(file, r'"__class__": "RandomForestRegressor"', '"__class__": "system"')
    refused("random-forest", tmp_path)
    with pytest.raises(DamagedFile, match="not trusted"):
        load_estimator(file, RandomForestRegressor, (), lambda _: None)


def test_an_attribute_in_the_place_of_a_method_is_refused(tmp_path):
    for name in FILES:
        scorer = fitted(name)
        vars(estimator(scorer))["predict"] = "nothing"
        save_estimator(tmp_path / "x.skops", estimator(scorer))
        scorer_ok = fitted(name)
        scorer_ok.save(tmp_path)
        (tmp_path / FILES[name]).write_bytes((tmp_path / "x.skops").read_bytes())
        refused(name, tmp_path)


def test_a_file_that_unpacks_to_gigabytes_is_refused(tmp_path):
    fitted("random-forest").save(tmp_path)
    file = tmp_path / "forest.skops"
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("much.npy", bytes(10**6))
        # the size stands in the archive's own list; nobody unpacks it to find out
        archive.infolist()[-1].file_size = 2**31
    refused("random-forest", tmp_path)


@pytest.mark.parametrize("columns", [[-1, 0], [3, 3], [2, 1], [[1, 2]], [0.5]])
def test_columns_that_make_no_sense_are_refused(columns, tmp_path):
    from engine.models.arrays import save_arrays

    fitted("hist-gradient-boosting").save(tmp_path)
    save_arrays(tmp_path / "columns.safetensors", {"columns": np.array(columns)})
    with pytest.raises(DamagedFile, match="columns"):
        scorer_class("hist-gradient-boosting").load(tmp_path)


@pytest.mark.parametrize("name", ["ridge", "svr", "gp", "stacking"])
def test_arrays_that_do_not_fit_together_are_refused(name, tmp_path):
    from engine.models.arrays import load_arrays, save_arrays

    scorer = make_scorer(Recipe(name, params={"folds": 3} if name == "stacking" else {}))
    list(scorer.fit(DATA))
    scorer.save(tmp_path)
    file = tmp_path / f"{name}.safetensors"
    sound = load_arrays(file, ())
    for key, array in sound.items():
        for wrong in (array[:-1], array[None], array.astype(np.int32), array * np.nan):
            save_arrays(file, {**sound, key: wrong})
            if name == "gp" and key == "rows" and wrong.shape == array[:-1].shape:
                continue
            with pytest.raises(DamagedFile, match=file.name):
                scorer_class(name).load(tmp_path)
        save_arrays(file, {other: value for other, value in sound.items() if other != key})
        with pytest.raises(DamagedFile, match=f"no “{key}”"):
            scorer_class(name).load(tmp_path)
