"""Which models predict the class of highest probability by construction.

For those, one ``predict_proba`` answers both questions. Everything else is asked twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TIE = 1e-12
"""Two best probabilities closer than this may be rounding: then ``predict`` decides."""

NARROW = 16
"""So few columns are reduced sooner one after another than row by row."""

_BY_CONSTRUCTION = frozenset(
    {
        "AdaBoostClassifier",
        "BaggingClassifier",
        "BernoulliNB",
        "CalibratedClassifierCV",
        "CategoricalNB",
        "ComplementNB",
        "BayesianGaussianMixture",
        "DecisionTreeClassifier",
        "ExtraTreeClassifier",
        "ExtraTreesClassifier",
        "GaussianMixture",
        "GaussianNB",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "KNeighborsClassifier",
        "LabelPropagation",
        "LabelSpreading",
        "LinearDiscriminantAnalysis",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MLPClassifier",
        "MultinomialNB",
        "QuadraticDiscriminantAnalysis",
        "RadiusNeighborsClassifier",
        "RandomForestClassifier",
        "VotingClassifier",
    }
)
"""Left out on purpose: SVC and NuSVC (probabilities come from another model), thresholds that are
fixed or tuned, NearestCentroid, and one-vs-rest (it decides before it normalises)."""

_DELEGATES = {
    "GridSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "RFE": "estimator_",
    "RFECV": "estimator_",
    "SelfTrainingClassifier": "estimator_",
    "StackingClassifier": "final_estimator_",
    "FrozenEstimator": "estimator",
}


def highest_of_each(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [n_rows], the highest number of each row."""
    if matrix.shape[1] > NARROW:
        return np.asarray(matrix.max(axis=1))
    return np.asarray(np.ascontiguousarray(matrix.T).max(axis=0))


def is_argmax(model: Any) -> bool:
    """Tell whether ``predict`` is the argmax of ``predict_proba`` in scikit-learn's own code."""
    while type(model).__module__.startswith("sklearn."):
        name = type(model).__name__
        if name in _BY_CONSTRUCTION:
            return True
        if name == "DummyClassifier":
            return model.strategy not in ("stratified", "uniform")
        if name == "GaussianProcessClassifier":  # of two classes, it decides by the latent mean
            return bool(model.n_classes_ > 2 and model.multi_class == "one_vs_rest")
        if name == "MultiOutputClassifier":
            return all(map(is_argmax, model.estimators_))
        if name == "Pipeline":
            model = model.steps[-1][1]
        elif name in _DELEGATES:
            model = getattr(model, _DELEGATES[name], None)
        else:
            return False
    return False
