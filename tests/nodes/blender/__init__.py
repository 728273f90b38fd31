"""The parts of the Blender adapter that need no Blender; the rest is tested in the real one, in tests/hosts."""
