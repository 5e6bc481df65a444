"""Can a super-resolved volume be trusted for a metric of the microstructure?"""
