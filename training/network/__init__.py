"""The recipe of the embedded network. Needs torch, onnx and onnxscript; nothing here is part of the wheel."""
