"""Nearest neighbours of samples: memorised or new?"""
