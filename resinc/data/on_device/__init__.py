"""What a compiled step does to its images: normalised, augmented, mixed."""
