"""The parts of the training loop: batches, learning rates, the graph that trains, checkpoints, early stopping."""
