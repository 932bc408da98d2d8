"""Where the runs of a sweep are computed: in processes here, or by Ray."""
