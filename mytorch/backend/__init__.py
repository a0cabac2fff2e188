"""Floor 0: element types, devices, array namespaces and the random streams. Knows nothing of tensors or gradients."""
