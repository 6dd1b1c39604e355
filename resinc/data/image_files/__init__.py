"""Sets of encoded images, of any size: found, read, decoded and cut out on the host."""
