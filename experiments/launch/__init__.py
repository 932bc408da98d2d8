"""Computes the runs of a sweep: in processes on this machine, on one GPU, or by Ray on many machines."""
