"""Computes the runs of a sweep, in processes on this machine or by Ray."""
