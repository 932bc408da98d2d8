"""The commands: train, sweep, prepare, evaluate, export."""
