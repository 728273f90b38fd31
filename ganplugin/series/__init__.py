"""Series: thousands of pieces from one file, each written whole, none lost and none repeated."""
