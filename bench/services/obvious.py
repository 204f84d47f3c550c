"""The service that FastAPI's and scikit-learn's pages lead to; the model's file is $MODEL_FILE."""

from __future__ import annotations

import os
from typing import Any

import joblib
import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["MODEL_FILE"])
columns = getattr(model, "feature_names_in_", None)


class Row(BaseModel):
    """One row."""

    features: list[Any]


class Rows(BaseModel):
    """Several rows."""

    features: list[list[Any]]


class Answer(BaseModel):
    """The answer for one row."""

    prediction: Any
    confidence: float
    model_version: str


class Answers(BaseModel):
    """The answers for several rows."""

    predictions: list[Any]
    confidences: list[float]
    model_version: str


def to_input(rows: list[list[Any]]) -> Any:
    """Return rows as the model was fitted with."""
    return np.array(rows) if columns is None else pd.DataFrame(rows, columns=columns)


@app.post("/predict")
def predict(row: Row) -> Answer:
    """Predict one row."""
    rows = to_input([row.features])
    label = model.predict(rows)[0]
    confidence = model.predict_proba(rows)[0].max()
    return Answer(prediction=label.item(), confidence=float(confidence), model_version="v1")


@app.post("/predict/batch")
def predict_batch(body: Rows) -> Answers:
    """Predict several rows."""
    rows = to_input(body.features)
    labels = model.predict(rows).tolist()
    confidences = model.predict_proba(rows).max(axis=1).tolist()
    return Answers(predictions=labels, confidences=confidences, model_version="v1")


@app.get("/ready")
async def ready() -> str:
    """Tell that it is up."""
    return "ready"
