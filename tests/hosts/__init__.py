"""The nodes in real hosts, each in an environment of its own (``make test-hosts``)."""
