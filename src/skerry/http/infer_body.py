"""Bodies of the Open Inference Protocol: bytes to an inference request, and an answer to bytes.

JSON, then the binary data of those tensors that say so. Nothing here knows the model.

Source: the Open Inference Protocol, "Inference"; Triton's binary tensor data extension.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from skerry.core.errors import BadHeader, InvalidBody, MalformedJson, format_loc
from skerry.core.row_values import Loc, describe
from skerry.core.tensor_answers import OutputTensor
from skerry.core.tensor_values import InputTensor, to_bytes
from skerry.core.tensors import Datatype
from skerry.http.header_fields import Fields, text_of
from skerry.http.json_values import parse_finite_json, parse_json

LENGTH_HEADER = b"inference-header-content-length"
_SHAPE = re.compile(rb'"shape"\s{0,9}:\s{0,9}\[\s{0,9}([0-9]{1,9})')
_DATATYPES = {datatype.value: datatype for datatype in Datatype}
_OFFERED = "is not offered here: the server's extensions are at /v2"
_REFUSED_PARAMETERS = {
    "shared_memory_region": f"shared memory {_OFFERED}",
    "classification": f"the classification extension {_OFFERED}",
}
"""Parameters that change what an answer is, so that to pass over them would be wrong."""


class WantedOutput(NamedTuple):
    """An output that a request names. binary: None where it leaves that to the request."""

    name: str
    binary: bool | None


class InferenceRequest(NamedTuple):
    """A request as its body has it.

    id: None where it has none. inputs: at least one. outputs: none means all.
    binary: the outputs are wanted as bytes, where they do not say otherwise themselves.
    malformed: to be raised where nothing else is refused: the body has a number that is none.
    """

    id: str | None
    inputs: Sequence[InputTensor]
    outputs: Sequence[WantedOutput]
    binary: bool
    malformed: MalformedJson | None


def header_length(fields: Fields, n_bytes: int) -> int | None:
    """Return the length of the JSON, None where the body of so many bytes is nothing else.

    Raises:
        BadHeader: it is no length, or the body is shorter.
    """
    text = text_of(fields, LENGTH_HEADER)
    if text is None:
        return None
    length = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if not 0 <= length <= n_bytes:
        raise BadHeader(
            f"Inference-Header-Content-Length: expected 0 to {n_bytes}, the length of the body,"
            f" got {text[:40]!r}"
        )
    return length


def rows_claimed(body: bytes) -> int:
    """Return how many rows the first shape of a request claims, 1 where none can be seen."""
    found = _SHAPE.search(body)
    return 1 if found is None else max(1, int(found[1]))


def parse_request(text: bytes, binary: memoryview) -> InferenceRequest:
    """Return what is asked. text: the JSON. binary: what follows it.

    Keys and parameters that the protocol does not know are passed over.

    Raises:
        RequestError: the subclass that says what is wrong.
    """
    value, malformed = _parsed(text)
    content = _object(value, (), 'an object such as {"inputs": …}')
    parameters = _parameters(content, ())
    inputs, used = _inputs(content, binary)
    if used != len(binary):
        raise InvalidBody(
            f"binary data: expected {used} bytes after the JSON, as the inputs' binary_data_size"
            f" say, got {len(binary)}"
        )
    return InferenceRequest(
        _text(content, "id", ()) if content.get("id") is not None else None,
        inputs,
        _outputs(content),
        bool(_flag(parameters, "binary_data_output", ())),
        malformed,
    )


def write_response(
    head: dict[str, Any], outputs: Sequence[OutputTensor], binary: Sequence[bool]
) -> tuple[bytes, int | None]:
    """Return a response's body, and the length of its JSON where something follows that.

    head: the response without its outputs. binary: for each output, whether it goes as bytes.
    """
    parts: list[bytes | memoryview] = []
    entries = []
    for output, as_bytes in zip(outputs, binary, strict=True):
        values, entry = output.values, _described(output)
        if as_bytes:
            parts.append(to_bytes(values, output.datatype))
            entry["parameters"] = {"binary_data_size": len(parts[-1])}
        elif output.datatype is Datatype.BYTES:
            entry["data"] = values.ravel().tolist()
        else:
            entry["data"] = np.ascontiguousarray(values).reshape(-1)
        entries.append(entry)
    # orjson writes a float that is not finite as null.
    text = orjson.dumps({**head, "outputs": entries}, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([text, *parts]), len(text)) if parts else (text, None)


def _described(output: OutputTensor) -> dict[str, Any]:
    return {
        "name": output.name,
        "datatype": output.datatype.value,
        "shape": list(output.values.shape),
    }


def _parsed(text: bytes) -> tuple[Any, MalformedJson | None]:
    """Return the value, and what is wrong with it where it has NaN, to be refused in its place."""
    try:
        return parse_finite_json(text), None
    except MalformedJson as error:
        return parse_json(text), error  # Or it says what is wrong.


def _inputs(content: dict[str, Any], binary: memoryview) -> tuple[list[InputTensor], int]:
    """Return the inputs, and how many of the bytes are theirs."""
    items = content.get("inputs")
    if not isinstance(items, list) or not items:
        got = describe(items) if "inputs" in content else "a body without"
        raise InvalidBody.at(("inputs",), "a list of tensors, at least one", got)
    inputs: list[InputTensor] = []
    names: set[str] = set()
    used = 0
    for i, item in enumerate(items):
        tensor, size = _input(i, item, binary[used:])
        used += size
        name = tensor.name[:60]
        if tensor.name in names:
            raise InvalidBody.at((*tensor.loc, "name"), "each input once", f"{name!r} again")
        names.add(tensor.name)
        inputs.append(tensor)
    return inputs, used


def _input(i: int, item: Any, binary: memoryview) -> tuple[InputTensor, int]:
    loc: Loc = ("inputs", i)
    tensor = _object(item, loc, "a tensor")
    name = _text(tensor, "name", loc)
    datatype = _DATATYPES.get(_text(tensor, "datatype", loc))
    if datatype is None:
        known = ", ".join(_DATATYPES)
        raise InvalidBody.at((*loc, "datatype"), f"one of {known}", describe(tensor["datatype"]))
    shape = _shape(tensor.get("shape"), (*loc, "shape"))
    size = _binary_size(_parameters(tensor, loc), (*loc, "parameters", "binary_data_size"))
    data = tensor.get("data")
    if size is None:
        if not isinstance(data, list):
            got = describe(data) if "data" in tensor else "neither data nor binary_data_size"
            raise InvalidBody.at((*loc, "data"), "a list of values", got)
        return InputTensor(i, name, datatype, shape, data), 0
    if data is not None:
        raise InvalidBody.at(loc, "either data or binary_data_size", "both")
    if size > len(binary):
        size_loc = (*loc, "parameters", "binary_data_size")
        raise InvalidBody.at(size_loc, f"at most {len(binary)} bytes, which are left", str(size))
    return InputTensor(i, name, datatype, shape, binary[:size]), size


def _outputs(content: dict[str, Any]) -> list[WantedOutput]:
    items = content.get("outputs")
    if items is None:
        return []
    if not isinstance(items, list):
        raise InvalidBody.at(("outputs",), "a list of outputs", describe(items))
    wanted = []
    for i, item in enumerate(items):
        loc: Loc = ("outputs", i)
        output = _object(item, loc, "an output")
        parameters = _parameters(output, loc)
        wanted.append(
            WantedOutput(_text(output, "name", loc), _flag(parameters, "binary_data", loc))
        )
    return wanted


def _object(value: Any, loc: Loc, expected: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidBody.at(loc, expected, describe(value))
    return value


def _text(content: dict[str, Any], key: str, loc: Loc) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise InvalidBody.at((*loc, key), "a string", describe(value) if key in content else "none")
    return value


def _shape(value: Any, loc: Loc) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidBody.at(loc, "a list of whole numbers, one a dimension", describe(value))
    for i, size in enumerate(value):
        if type(size) is not int or size < 0:
            raise InvalidBody.at((*loc, i), "a whole number, 0 or more", describe(size))
    return tuple(value)


def _parameters(content: dict[str, Any], loc: Loc) -> dict[str, Any]:
    parameters = content.get("parameters")
    if parameters is None:
        return {}
    parameters = _object(parameters, (*loc, "parameters"), "an object of parameters")
    for name, sentence in _REFUSED_PARAMETERS.items():
        if parameters.get(name):
            raise InvalidBody(f"{format_loc((*loc, 'parameters', name))}: {sentence}")
    return parameters


def _binary_size(parameters: dict[str, Any], loc: Loc) -> int | None:
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise InvalidBody.at(loc, "a number of bytes", describe(size))
    return size


def _flag(parameters: dict[str, Any], name: str, loc: Loc) -> bool | None:
    flag = parameters.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise InvalidBody.at((*loc, "parameters", name), "true or false", describe(flag))
    return flag
