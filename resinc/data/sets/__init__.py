"""Where sets come from: fetched, prepared, and read into memory."""
