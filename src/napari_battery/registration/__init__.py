"""Alignment of stacks: transforms, similarity, pairs, series and single particles."""
