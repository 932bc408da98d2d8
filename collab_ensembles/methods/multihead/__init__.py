"""Multi-head collaborative learning (Song and Chai 2018)."""
