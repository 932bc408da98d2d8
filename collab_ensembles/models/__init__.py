"""Groups of networks as Keras models with their own training step."""
