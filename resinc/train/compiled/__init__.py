"""The compiled functions of a config, for n members at once, or for devices that are not here."""
