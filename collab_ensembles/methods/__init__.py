"""The systems, a folder each: settings, model, and how it is trained. `settings.registry` finds them."""
