"""A fitted family said in scikit-learn's own classes, so that scripts can use it where beholder is not installed.

Only classes of scikit-learn, and functions of numpy and scipy, are put together; their fitted attributes are set to
what our family has learned. Nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.models.base import Scorer
from engine.models.standardise import Standardiser

Matrix = NDArray[Any]


def sklearn_form(scorer: Scorer) -> Any:
    """Return a fitted estimator of scikit-learn whose ``predict`` gives the scorer's scores.

    Args:
        scorer: a fitted one.

    Returns:
        An estimator that takes (N, D) features and returns (N,) scores, not clipped to the scale.

    Raises:
        UsageError: this family can't be said in scikit-learn's classes.
    """
    form = _FORMS.get(type(scorer).__name__)
    if form is None:
        raise UsageError(
            "A model of the family {model} has no form in scikit-learn.",
            remedy="Export it as ONNX or as a bundle: --format onnx, --format bundle.",
            model=scorer.name,
        )
    return form(scorer)


def _scaler(standardiser: Standardiser) -> Any:
    from sklearn.preprocessing import StandardScaler

    mean, factor = (np.asarray(values, np.float64) for values in (standardiser.mean, standardiser.factor))
    # a feature that never varied has no say: whatever is divided by infinity is 0
    scale = np.divide(1.0, factor, out=np.full(factor.shape, np.inf), where=factor != 0)
    return _set(StandardScaler(), mean_=mean, scale_=scale, var_=scale**2, n_features_in_=mean.size, n_samples_seen_=1)


def _set(estimator: Any, **attributes: Any) -> Any:
    for name, value in attributes.items():
        setattr(estimator, name, value)
    return estimator


def _chain(*steps: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return Pipeline([(f"step{number}", step) for number, step in enumerate(steps)])


def _linear(weights: Matrix, intercept: float) -> Any:
    from sklearn.linear_model import LinearRegression

    coefficients = np.asarray(weights, np.float64)
    model = LinearRegression()
    return _set(model, coef_=coefficients, intercept_=float(intercept), n_features_in_=coefficients.size)


def _rows_times(matrix: Matrix, bias: Matrix) -> Any:
    """Return a transformer: (N, D) → (N, D) @ (D, K) + (K,)."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    width, count = matrix.shape
    product = _set(
        PCA(count),
        components_=np.ascontiguousarray(matrix.T),
        mean_=np.zeros(width, matrix.dtype),
        n_components_=count,
        explained_variance_=np.ones(count),
        n_features_in_=width,
    )
    shift = _set(StandardScaler(with_std=False), mean_=-np.asarray(bias), scale_=None, n_features_in_=count)
    return _chain(product, shift)


def _sum(parts: Sequence[Any], weights: Sequence[float], intercept: float) -> Any:
    """Return an estimator that predicts the weighted sum of what its parts predict."""
    from sklearn.ensemble import StackingRegressor

    names = [f"part{number}" for number in range(len(parts))]
    model = StackingRegressor(list(zip(names, parts, strict=True)))
    return _set(
        model,
        estimators_=list(parts),
        stack_method_=["predict"] * len(parts),
        named_estimators_=dict(zip(names, parts, strict=True)),
        final_estimator_=_linear(np.asarray(weights), intercept),
    )


def _kernel(standardiser: Standardiser, support: Matrix, weights: Matrix, gamma: float, intercept: float) -> Any:
    """Return exp(-gamma · squared distance to the support) · weights + intercept."""
    from sklearn.kernel_ridge import KernelRidge

    if not len(support):
        return _linear(np.zeros(standardiser.mean.size), intercept)
    model = KernelRidge(kernel="rbf", gamma=float(gamma))
    known = np.asarray(support, np.float64)
    _set(model, X_fit_=known, dual_coef_=np.asarray(weights, np.float64), n_features_in_=known.shape[1])
    return _sum([_chain(_scaler(standardiser), model)], [1.0], intercept)


def _ridge(scorer: Any) -> Any:
    return _chain(_scaler(scorer._standardiser), _linear(scorer._weights, scorer._intercept))


def _taste(scorer: Any) -> Any:
    if scorer._choice.kind == "ridge":
        return _ridge(scorer)
    return _svr(scorer)


def _svr(scorer: Any) -> Any:
    return _kernel(scorer._standardiser, scorer._support, scorer._weights, scorer._gamma, scorer._intercept)


def _gp(scorer: Any) -> Any:
    """Return the process itself; its ``predict(X, return_std=True)`` is our `spread`."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    kernel, known = scorer._kernel, scorer._rows.astype(np.float64)
    total: Any = WhiteKernel(kernel.noise**2, "fixed")
    if kernel.amplitude:
        length = kernel.length * float(np.sqrt(kernel.scales[0]))
        total = ConstantKernel(kernel.amplitude**2, "fixed") * RBF(length, "fixed") + total
    if kernel.slope:
        total = ConstantKernel(kernel.slope**2 / kernel.scales[1], "fixed") * DotProduct(0.0, "fixed") + total
    process = _set(
        GaussianProcessRegressor(total, optimizer=None),
        kernel_=total,
        X_train_=known,
        y_train_=np.zeros(len(known)),
        alpha_=np.asarray(scorer._alpha, np.float64),
        L_=np.linalg.inv(scorer._whitening),
        n_features_in_=known.shape[1],
        _y_train_mean=np.float64(scorer._mean),
        _y_train_std=np.float64(scorer._spread),
    )
    return _chain(_scaler(scorer._standardiser), process)


def _some_columns(scorer: Any) -> Any:
    from sklearn.preprocessing import FunctionTransformer

    # a trained booster's width is that of the columns it was given, so it says nothing of the whole vector's
    return _chain(FunctionTransformer(np.take, kw_args={"indices": scorer._columns, "axis": 1}), scorer._booster)


def _frozen(scorer: Any) -> Any:
    head = scorer._head
    members = [_member(head, number) for number in range(head.last.shape[0])]
    share = float(head.unit[1]) / len(members)
    return _sum(members, [share] * len(members), float(head.unit[0]))


def _member(head: Any, number: int) -> Any:
    """Return one of a head's networks: linear → LayerNorm → SiLU → linear, or linear alone."""
    from engine.models.neural.head import NORM_EPSILON

    centre = head.centre.astype(np.float64)
    last, last_bias = head.last[number].astype(np.float64), float(head.last_bias[number])
    hidden = head.first.shape[2]
    if not hidden:
        return _linear(last, last_bias - float(centre @ last))
    first = head.first[number].astype(np.float64)
    first_bias = head.first_bias[number] - centre @ first
    # LayerNorm's first half, to subtract the mean, is a part of the linear layer
    first, first_bias = first - first.mean(axis=1, keepdims=True), first_bias - first_bias.mean()
    # x / √(mean x² + ε) is √H times what is left of x when (√(H·ε), x) gets the length 1
    unit = float(np.sqrt(hidden * NORM_EPSILON))
    norm = np.vstack([np.zeros(hidden), np.diag(np.sqrt(hidden) * head.norm[number].astype(np.float64))])
    return _chain(
        _rows_times(first / unit, first_bias / unit),
        _one_before(hidden),
        _rows_times(norm, head.norm_bias[number].astype(np.float64)),
        *_silu(hidden),
        _linear(last, last_bias),
    )


def _one_before(width: int) -> Any:
    """Return a transformer that puts a 1 before each row, and then gives the row the length 1."""
    from sklearn.preprocessing import Normalizer, PolynomialFeatures

    return _chain(PolynomialFeatures(1).fit(np.zeros((1, width))), Normalizer().fit(np.zeros((1, width + 1))))


def _silu(width: int) -> list[Any]:
    """Return transformers that make each number x · sigmoid(x)."""
    from scipy.special import expit
    from sklearn.pipeline import FeatureUnion
    from sklearn.preprocessing import FunctionTransformer

    both = FeatureUnion([("x", FunctionTransformer()), ("sigmoid", FunctionTransformer(expit))])
    beside = FunctionTransformer(np.reshape, kw_args={"shape": (-1, 2, width)})
    return [both.fit(np.zeros((1, width))), beside, FunctionTransformer(np.prod, kw_args={"axis": 1})]


def _with_prior(scorer: Any) -> Any:
    """Return the family's part and the prior's, as `WithPrior.predict` adds them up."""
    family, belief = sklearn_form(scorer._scorer), scorer._belief
    if not belief.weight:
        return family
    weight = float(belief.weight)
    return _sum([family, sklearn_form(scorer._prior)], [1.0, weight], -weight * float(belief.centre))


def _stacking(scorer: Any) -> Any:
    from engine.models.stacking import BASES

    weights = dict(zip(BASES, scorer._weights.tolist(), strict=True))
    parts = [sklearn_form(base) for base in scorer._bases.values()]
    return _sum(parts, [weights[name] for name in scorer._bases], float(scorer._intercept))


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "Taste": _taste,
    "Ridge": _ridge,
    "SupportVector": _svr,
    "GaussianProcess": _gp,
    "RandomForest": lambda scorer: scorer._forest,
    "GradientBoosting": lambda scorer: scorer._booster,
    "HistGradientBoosting": _some_columns,
    "Stacking": _stacking,
    "Frozen": _frozen,
    "WithPrior": _with_prior,
    "UncertainWithPrior": _with_prior,
}
