"""Super-resolution of X-ray tomograms by networks: pairs, training, application, judgement."""
