"""Groups of networks as Keras models with a training step of their own, and what they share."""
