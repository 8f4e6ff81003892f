"""Measures the program beside its peers, in one run on one machine; see benchmarks/README.md."""
