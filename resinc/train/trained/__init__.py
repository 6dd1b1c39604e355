"""What is done with a trained network: asked, looked into, exported; and one that is imported."""
