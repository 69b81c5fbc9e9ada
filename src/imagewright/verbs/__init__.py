"""The verbs on any model that answers them: uint8 in, uint8 out, the same in any batch."""

from imagewright.verbs.apply import classify, decode, encode, reconstruct, sample, score

__all__ = ["classify", "decode", "encode", "reconstruct", "sample", "score"]
