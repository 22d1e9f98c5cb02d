"""Makes `tiny.onnx` and `tiny.onnx.json`, a voice for Piper of a few kilobytes that hums instead of speaking.

    pip install onnx
    python tests/data/piper-tiny/make.py

It takes what Piper's real voices take (input, input_lengths, scales, sid) and gives what they give. Each phoneme lasts
46 ms times length_scale; the speaker "low" hums at 160 Hz, "high" at 240 Hz, and how loud says which phoneme it is.
"""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = Path(__file__).parent
RATE = 22_050
PHONEME = 1_024
"""Samples of a phoneme at length_scale 1."""
SPEAKERS = {"low": 0, "high": 1}
PHONEMES = "_^$ !',-.:;?abcdefghijklmnopqrstuvwxyzæçðøħŋœɐɑɒɔɕəɚɛɜɝɡɪɬɫɹɾʃʊʌʍʒʔˈˌːˑθᵻ̩̃"
"""What espeak-ng writes of English."""


def constant(name, value, kind):
    return numpy_helper.from_array(np.array(value, dtype=kind), name)


def main():
    constants = [
        constant("one", 1, np.int64),
        constant("zero", 0, np.int64),
        constant("all_of_it", [-1], np.int64),
        constant("samples", float(PHONEME), np.float32),
        constant("low", 2 * np.pi * 160 / RATE, np.float32),
        constant("higher", 2 * np.pi * 80 / RATE, np.float32),
        constant("softest", 0.3, np.float32),
        constant("louder", 0.4 / len(PHONEMES), np.float32),
        constant("shape", [1, 1, 1, -1], np.int64),
    ]
    node = helper.make_node
    nodes = [
        node("Gather", ["scales", "one"], ["length_scale"]),
        node("Mul", ["samples", "length_scale"], ["each_f"]),
        node("Cast", ["each_f"], ["each_any"], to=TensorProto.INT64),
        node("Max", ["each_any", "one"], ["each"]),
        node("Gather", ["input_lengths", "zero"], ["count"]),
        node("Mul", ["each", "count"], ["total"]),
        node("Range", ["zero", "total", "one"], ["time"]),
        node("Div", ["time", "each"], ["place"]),
        node("Reshape", ["input", "all_of_it"], ["ids"]),
        node("Gather", ["ids", "place"], ["id"]),
        node("Cast", ["id"], ["id_f"], to=TensorProto.FLOAT),
        node("Mul", ["id_f", "louder"], ["more"]),
        node("Add", ["more", "softest"], ["level"]),
        node("Gather", ["sid", "zero"], ["speaker"]),
        node("Cast", ["speaker"], ["speaker_f"], to=TensorProto.FLOAT),
        node("Mul", ["speaker_f", "higher"], ["step_more"]),
        node("Add", ["step_more", "low"], ["step"]),
        node("Cast", ["time"], ["time_f"], to=TensorProto.FLOAT),
        node("Mul", ["time_f", "step"], ["phase"]),
        node("Sin", ["phase"], ["wave"]),
        node("Mul", ["wave", "level"], ["sound"]),
        node("Reshape", ["sound", "shape"], ["output"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "piper-tiny",
        [
            value("input", TensorProto.INT64, [1, "phonemes"]),
            value("input_lengths", TensorProto.INT64, [1]),
            value("scales", TensorProto.FLOAT, [3]),
            value("sid", TensorProto.INT64, [1]),
        ],
        [value("output", TensorProto.FLOAT, [1, 1, 1, "samples"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, HERE / "tiny.onnx")
    config = {
        "audio": {"sample_rate": RATE, "quality": "none"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
        "phoneme_type": "espeak",
        "num_symbols": len(PHONEMES),
        "num_speakers": len(SPEAKERS),
        "speaker_id_map": SPEAKERS,
        "phoneme_id_map": {phoneme: [number] for number, phoneme in enumerate(PHONEMES)},
    }
    (HERE / "tiny.onnx.json").write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
