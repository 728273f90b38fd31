"""Scripts that measure; every figure in the documentation comes from one of them. Tests never assert on times."""
