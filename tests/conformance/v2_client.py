"""A client of the Open Inference Protocol that follows the text of its specification."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np

DTYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def tensor(name: str, datatype: str, shape: list[Any], data: Any, **more: Any) -> dict[str, Any]:
    """Return an input in JSON."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


def packed(datatype: str, values: list[Any]) -> bytes:
    """Return the elements as binary data."""
    if datatype == "BYTES":
        encoded = [v if isinstance(v, bytes) else v.encode() for v in values]
        return b"".join(struct.pack("<I", len(e)) + e for e in encoded)
    return np.array(values, dtype=DTYPES[datatype]).tobytes()


def unpacked(datatype: str, data: bytes) -> list[Any]:
    """Return the elements of binary data."""
    if datatype != "BYTES":
        values: list[Any] = np.frombuffer(data, dtype=DTYPES[datatype]).tolist()
        return values
    found, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return found


def binary(name: str, datatype: str, shape: list[int], values: list[Any]) -> tuple[Any, bytes]:
    """Return an input whose elements follow the JSON, and those."""
    data = packed(datatype, values)
    sizes = {"parameters": {"binary_data_size": len(data)}}
    return {"name": name, "datatype": datatype, "shape": shape, **sizes}, data


def body_of(request: Mapping[str, Any], *data: bytes) -> tuple[bytes, dict[str, str]]:
    """Return a body of JSON and binary data, and its headers."""
    text = json.dumps(request).encode()
    headers = {"Content-Type": "application/octet-stream"}
    headers["Inference-Header-Content-Length"] = str(len(text))
    return text + b"".join(data), headers


def outputs_of(answer: httpx.Response) -> dict[str, list[Any]]:
    """Return the values of each output, flat; whatever came as JSON, whatever as bytes."""
    assert answer.status_code == 200, answer.text
    length = answer.headers.get("inference-header-content-length")
    text = answer.content if length is None else answer.content[: int(length)]
    at, found = len(text), {}
    for output in json.loads(text)["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = output["data"]
            continue
        assert "data" not in output
        found[output["name"]] = unpacked(output["datatype"], answer.content[at : at + size])
        at += size
    assert at == len(answer.content)
    expected_type = "application/json" if length is None else "application/octet-stream"
    assert expected_type == answer.headers["content-type"]
    return found


def request_of(
    metadata: Mapping[str, Any], rows: Sequence[Any], *, as_bytes: bool
) -> tuple[dict[str, Any], list[bytes]]:
    """Return rows as the model's metadata asks for them, and their binary data.

    rows: lists in the order of the inputs, or objects by their names.
    """
    announced = metadata["inputs"]
    names = [entry["name"] for entry in announced]
    if announced[0]["shape"][1] > 1:
        flat = [value for row in rows for value in _in_order(row, names)]
        columns = [(names[0], announced[0]["datatype"], [len(rows), len(flat) // len(rows)], flat)]
    else:
        ordered = [_in_order(row, names) for row in rows]
        columns = [
            (entry["name"], entry["datatype"], [len(rows), 1], [row[j] for row in ordered])
            for j, entry in enumerate(announced)
        ]
    inputs, data = [], []
    for name, datatype, shape, values in columns:
        if datatype != "BYTES" and any(isinstance(v, str) for v in values):
            datatype = "BYTES"  # A column that the model does not read may hold anything.
        if not as_bytes or (datatype == "BYTES" and None in values):
            inputs.append(tensor(name, datatype, shape, values))
            continue
        if None in values:  # Bytes have no null, but floats have NaN.
            datatype, values = "FP64", [math.nan if v is None else v for v in values]
        given, part = binary(name, datatype, shape, values)
        inputs.append(given)
        data.append(part)
    return {"inputs": inputs, "parameters": {"binary_data_output": as_bytes}}, data


def _in_order(row: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(row, Mapping):
        return [row.get(name) for name in names] if len(names) > 1 else list(row.values())
    return list(row)
