"""The losses of a model, and what each needs to be given.

A loss sees what its definition asks for: probabilities or logits, labels in {0, 1} or {-1, 1},
one column a class or class numbers. What the model's outputs and the labels are is told by the
output layer and by the loss that the model was compiled with.
"""
