"""The nodes in InvokeAI, against a stand-in for it; the real one is in tests/hosts."""
