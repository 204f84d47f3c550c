"""Trains the example model, iris, and packages it as a version of a repository.

    python examples/train_iris.py v1 --to models        # a logistic regression
    python examples/train_iris.py v1 v2 --to models     # and a random forest

The steps are those of any training job: fit, dump, and `skerry package` with the training data.
A version that is there already stays as it is, so the job may run again.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = "iris"
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
ESTIMATORS = {
    "v1": make_pipeline(StandardScaler(), LogisticRegression()),
    "v2": RandomForestClassifier(n_estimators=50, random_state=0),
}


def main() -> int:
    """Train and package versions; return the exit code."""
    parser = argparse.ArgumentParser(description="Train and package versions of the iris model.")
    parser.add_argument("versions", choices=sorted(ESTIMATORS), nargs="+", metavar="VERSION")
    parser.add_argument("--to", type=Path, required=True, help="the repository", metavar="DIR")
    arguments = parser.parse_args()
    for version in arguments.versions:
        if (arguments.to / MODEL / version).exists():
            print(f"{MODEL} {version} is there already")
        elif code := train(version, arguments.to):
            return code
    return 0


def train(version: str, repository: Path) -> int:
    """Train and package one version; return the exit code of ``skerry package``."""
    rows, classes = load_iris(return_X_y=True, as_frame=True)
    rows.columns = FEATURES
    with tempfile.TemporaryDirectory() as directory:
        artifact, data = Path(directory) / "model.joblib", Path(directory) / "iris.csv"
        joblib.dump(ESTIMATORS[version].fit(rows, classes), artifact)
        rows.to_csv(data, index=False)
        target = ["--model", MODEL, "--version", version, "--to", str(repository)]
        package = [sys.executable, "-m", "skerry", "package", str(artifact), *target]
        return subprocess.run([*package, "--data", str(data)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
