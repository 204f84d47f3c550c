"""Saves a joblib file in MLflow's format; run in MLflow's own environment."""

from __future__ import annotations

import sys

import joblib
import mlflow.sklearn

mlflow.sklearn.save_model(
    joblib.load(sys.argv[1]), sys.argv[2], serialization_format="cloudpickle", pip_requirements=[]
)
