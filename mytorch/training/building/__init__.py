"""From a checked config to the objects that it describes: data, model, loss, and what they begin with."""
