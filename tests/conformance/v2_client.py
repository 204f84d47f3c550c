"""A client of the Open Inference Protocol that follows the text of its specification."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
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
