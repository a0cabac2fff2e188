"""The ways out: a trained model as a file of weights, an ONNX graph or a PyTorch script. `export` is the command."""
