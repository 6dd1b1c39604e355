"""From a config to a trained network in a folder that survives being killed."""
