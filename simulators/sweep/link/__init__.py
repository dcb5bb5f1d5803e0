"""Faults of brokers and networks against the device's own link, in virtual time: is it always back, within a
stated time, with nothing lost?
"""
