"""One step of one replica, and all that it computes with; pure, arrays only."""
