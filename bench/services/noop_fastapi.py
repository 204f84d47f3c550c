"""FastAPI with Skerry's own request and response models, and nothing behind them."""

from __future__ import annotations

from fastapi import FastAPI

from skerry.http.schemas import PredictRequest, PredictResponse

app = FastAPI()


@app.post("/predict")
async def predict(request: PredictRequest) -> PredictResponse:
    """Answer every valid request alike."""
    del request
    return PredictResponse(prediction=0, confidence=1.0, model_version="v1")


@app.get("/ready")
async def ready() -> str:
    """Tell that it is up."""
    return "ready"
