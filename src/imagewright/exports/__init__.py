"""What a run has learned, for other programs: ONNX graphs, weights as safetensors or as published, one page."""
