"""ONNX files of a few kilobytes, written byte by byte: networks with the inputs and outputs that OpenCV expects.

They track nothing. They let the adapters run through OpenCV from the files to the boxes.
"""

import numpy as np


def _varint(number):
    out = b""
    while True:
        number, low = number >> 7, number & 127
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


def _field(tag, value):
    """One field in protobuf's wire format: a number, a text, or an embedded message."""
    if isinstance(value, int):
        return _varint(tag << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(tag << 3 | 2) + _varint(len(data)) + data


def _node(kind, inputs, output, **attributes):
    data = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)
    for name, values in attributes.items():
        numbers = b"".join(_field(8, value) for value in values)
        data += _field(5, _field(1, name) + numbers + _field(20, 7))
    return data


def _weights(name, array):
    array = np.asarray(array, np.float32)
    return (
        b"".join(_field(1, side) for side in array.shape) + _field(2, 1) + _field(8, name) + _field(9, array.tobytes())
    )


def _value(name, shape):
    sides = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, sides)))


def _model(nodes, weights, inputs, outputs):
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "tiny")
    graph += b"".join(_field(5, _weights(name, array)) for name, array in weights.items())
    graph += b"".join(_field(11, _value(*item)) for item in inputs.items())
    graph += b"".join(_field(12, _value(*item)) for item in outputs.items())
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def _patches(source, weights, output, *bias, **more):
    """Mean over blocks of 16 x 16 pixels."""
    return _node("Conv", [source, weights, *bias], output, strides=[16, 16], kernel_shape=[16, 16], **more)


def vit():
    """Template (1, 3, 128, 128) and search (1, 3, 256, 256) to score, size and offset maps of 16 x 16: bright wins."""
    nodes = [
        _node("GlobalAveragePool", ["template"], "mean"),
        _node("Conv", ["mean", "of_template"], "level", kernel_shape=[1, 1]),
        _node("Sigmoid", ["level"], "half"),
        _patches("search", "bright", "score"),
        _node("Sigmoid", ["score"], "squashed"),
        _node("Mul", ["squashed", "half"], "output1"),
        _patches("search", "nothing", "size", "quarter"),
        _node("Sigmoid", ["size"], "output2"),
        _patches("search", "nothing", "offset"),
        _node("Sigmoid", ["offset"], "output3"),
    ]
    weights = {
        "of_template": np.zeros((1, 3, 1, 1)),
        "bright": np.full((1, 3, 16, 16), 4 / 768),
        "nothing": np.zeros((2, 3, 16, 16)),
        "quarter": np.full(2, -np.log(3)),  # the search region is 4 times the target: its size stays
    }
    maps = {"output1": (1, 1, 16, 16), "output2": (1, 2, 16, 16), "output3": (1, 2, 16, 16)}
    return _model(nodes, weights, {"template": (1, 3, 128, 128), "search": (1, 3, 256, 256)}, maps)


def nano_backbone():
    """Image of side 127 or 255 to 8 features at stride 16."""
    nodes = [_patches("input", "bright", "output", pads=[0, 0, 1, 1])]
    weights = {"bright": np.full((8, 3, 16, 16), 1 / 768 / 255)}
    return _model(nodes, weights, {"input": (1, 3, 255, 255)}, {"output": (1, 8, 16, 16)})


def nano_head():
    """Features of template and search to scores (1, 2, 16, 16) and distances to the sides (1, 4, 16, 16)."""
    nodes = [
        _node("GlobalAveragePool", ["input1"], "mean"),
        _node("Add", ["input2", "mean"], "sum"),
        _node("Conv", ["sum", "classes"], "output1", kernel_shape=[1, 1]),
        _node("Conv", ["sum", "sides"], "signed", kernel_shape=[1, 1]),
        _node("Abs", ["signed"], "output2"),
    ]
    weights = {
        "classes": np.stack([-np.ones((8, 1, 1)), np.ones((8, 1, 1))]),
        "sides": np.full((4, 8, 1, 1), 5.0),
    }
    inputs = {"input1": (1, 8, 8, 8), "input2": (1, 8, 16, 16)}
    return _model(nodes, weights, inputs, {"output1": (1, 2, 16, 16), "output2": (1, 4, 16, 16)})
