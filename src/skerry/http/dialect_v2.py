"""The Open Inference Protocol as a dialect: tensors in JSON, in bytes after it, or in both.

Source: the Open Inference Protocol, "Inference"; Triton's binary tensor data extension.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from skerry.core.errors import InvalidBody
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.tensor_answers import answers_of, wanted_specs
from skerry.core.tensor_rows import rows_of
from skerry.core.tensor_values import InputTensor
from skerry.core.tensors import NUMPY_DTYPES, Datatype, TensorSpec, input_specs, output_specs
from skerry.http.decode import has_too_many_values
from skerry.http.dialect import Dialect, Encode
from skerry.http.header_fields import Fields
from skerry.http.infer_body import (
    LENGTH_HEADER,
    InferenceRequest,
    header_length,
    parse_request,
    rows_claimed,
    write_response,
)
from skerry.http.lean_route import LeanAnswer

_ALIGNMENT = 16  # Of what a bytes object holds; no datatype needs more than eight.
_OCTETS = b"application/octet-stream"


class _Wanted(NamedTuple):
    """How the answer is wanted. binary: for each output, whether it goes as bytes."""

    id: str | None
    outputs: tuple[TensorSpec, ...]
    binary: Sequence[bool]

    def encode(self, predictions: Predictions, model: str, version: str) -> LeanAnswer:
        """Return the answer."""
        head = {"model_name": model, "model_version": version}
        if self.id is not None:
            head["id"] = self.id
        body, length = write_response(head, answers_of(predictions, self.outputs), self.binary)
        if length is None:
            return LeanAnswer(body, ())
        return LeanAnswer(body, ((LENGTH_HEADER, b"%d" % length),), _OCTETS)


class _OpenInference:
    # Clients send JSON as octets, as a form, or as nothing; the length header tells what it is.
    any_media_type = True

    def lead(self, fields: Fields) -> bytes:
        """Return blanks, which JSON may begin with, so that the numbers after it lie aligned."""
        length = fields.get(LENGTH_HEADER, b"0")
        return b" " * (-int(length) % _ALIGNMENT) if length.isdigit() and len(length) < 19 else b""

    def rows_in(self, body: bytes) -> int:
        return rows_claimed(body)

    def decode(
        self, fields: Fields, body: bytes, info: ServableInfo, max_rows: int
    ) -> tuple[Rows, Encode]:
        start, specs = len(self.lead(fields)), output_specs(info)
        length = header_length(fields, len(body) - start)
        if length == 0:
            tensor = _raw_input(body, input_specs(info.signature))
            wanted = _Wanted(None, specs, [True] * len(specs))
            return rows_of(info.signature, [tensor], max_rows), wanted.encode
        end = len(body) if length is None else start + length
        text = body if end == len(body) else body[:end]
        if has_too_many_values(text, info.signature, max_rows):
            raise InvalidBody(f"the body has many more values than {max_rows} rows need")
        asked = parse_request(text, memoryview(body)[end:])
        rows = rows_of(info.signature, asked.inputs, max_rows)
        wanted = _wanted(asked, specs)
        if asked.malformed is not None:  # In a value that nobody reads.
            raise asked.malformed
        return rows, wanted.encode


def _wanted(asked: InferenceRequest, specs: Sequence[TensorSpec]) -> _Wanted:
    outputs = wanted_specs(specs, [output.name for output in asked.outputs])
    own = {output.name: output.binary for output in asked.outputs}
    flags = [own.get(spec.name) for spec in outputs]
    return _Wanted(asked.id, outputs, [asked.binary if flag is None else flag for flag in flags])


def _raw_input(body: bytes, specs: Sequence[TensorSpec]) -> InputTensor:
    """Return the one input of a request that has no JSON: its shape follows from its size."""
    if len(specs) != 1:
        raise InvalidBody(
            f"a body without JSON (Inference-Header-Content-Length: 0) is for a model with one"
            f" input, this one has {len(specs)}"
        )
    name, datatype, width = specs[0].name, specs[0].datatype, specs[0].shape[1]
    data = memoryview(body)
    if datatype is Datatype.BYTES:
        # Triton takes the one string as it is, the extension's text has its length before it.
        has_length = len(body) >= 4 and struct.unpack_from("<I", body)[0] == len(body) - 4
        prefixed = body if has_length else struct.pack("<I", len(body)) + body
        return InputTensor(0, name, datatype, (1, 1), memoryview(prefixed))
    row_bytes = width * NUMPY_DTYPES[datatype].itemsize
    if not body or len(body) % row_bytes:
        raise InvalidBody(
            f"binary data: expected a multiple of {row_bytes} bytes ({width} {datatype} a row),"
            f" got {len(body)}"
        )
    return InputTensor(0, name, datatype, (len(body) // row_bytes, width), data)


OPEN_INFERENCE: Dialect = _OpenInference()
