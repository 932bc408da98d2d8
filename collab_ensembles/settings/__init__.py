"""What a run is to do: its settings, and the systems that there are."""
