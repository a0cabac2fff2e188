"""What looks at a model from outside: one step told op by op, drawn, checked; the loss around the weights."""
