"""Encoders, decoders, the shelf of models, inference on a Stack. torch begins here."""
